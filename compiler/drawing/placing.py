"""Where each box stands along its layer: near its neighbours, in the given order, never overlapping.

A layer at a time, by least squares: a box is pulled by its neighbours, and of all places in order and apart those that
make the edges straightest are found exactly by pooling (isotonic regression). Edges between bends pull hardest, so
that long edges run straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from compiler.drawing.layers import Layered

PASSES = 30
ONE_SIDED = 8
"""The first passes look only where they come from: that carries the shape of a tree through all layers at once."""
STRAIGHTNESS = (1.0, 2.0, 8.0)
"""How much an edge wants to be straight by how many of its ends are bends (Gansner et al., 1993)."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """The neighbours of a box with how strongly each pulls, and the sum of that."""

    others: tuple[tuple[int, float], ...]
    strength: float


def place_boxes(
    rows: Sequence[Sequence[int]], layered: Layered, sizes: Sequence[float], boxes: int, gap: float
) -> list[float]:
    """The centre of each box along its layer, the least at the left edge; the first `boxes` are no bends."""
    at = [0.0] * len(layered.layer_of)
    for row in rows:
        edge = -sum(sizes[box] + gap for box in row) / 2
        for box in row:
            at[box] = edge + sizes[box] / 2
            edge += sizes[box] + gap
    fuller = [_fuller(above, below) for above, below in zip(layered.above, layered.below, strict=True)]
    offsets = [_offsets(row, sizes, gap) for row in rows]
    for number in range(PASSES):
        is_down = number % 2 == 0
        one_sided = layered.above if is_down else layered.below
        neighbours = one_sided if number < ONE_SIDED else fuller
        for layer in range(len(rows)) if is_down else range(len(rows) - 1, -1, -1):
            pulls = [_pull(box, neighbours[box], boxes) for box in rows[layer]]
            _settle(rows[layer], offsets[layer], pulls, at)
    left = min((at[box] - sizes[box] / 2 for box in range(len(at))), default=0.0)
    return [centre - left for centre in at]


def _fuller(above: Sequence[int], below: Sequence[int]) -> Sequence[int]:
    """The side with more neighbours, so that a fan-in or a fan-out is centred; both when there are as many."""
    if len(above) == len(below):
        return (*above, *below)
    return max(above, below, key=len)


def _pull(box: int, near: Sequence[int], boxes: int) -> _Pull:
    others = tuple((other, STRAIGHTNESS[(box >= boxes) + (other >= boxes)]) for other in near)
    return _Pull(others, sum(strength for _, strength in others))


def _offsets(row: Sequence[int], sizes: Sequence[float], gap: float) -> list[float]:
    """How far each box of a layer is at least from the first."""
    steps = ((sizes[first] + sizes[second]) / 2 + gap for first, second in pairwise(row))
    return list(accumulate(steps, initial=0.0))


def _settle(row: Sequence[int], offsets: Sequence[float], pulls: Sequence[_Pull], at: list[float]) -> None:
    """Move one layer to where its edges are straightest, all other layers as they are."""
    wishes, weights = [], []
    for box, offset, pull in zip(row, offsets, pulls, strict=False):
        wish = sum(at[other] * by for other, by in pull.others) / pull.strength if pull.others else at[box]
        wishes.append(wish - offset)
        weights.append(pull.strength or 0.1)
    for box, start, offset in zip(row, _pooled(wishes, weights), offsets, strict=False):
        at[box] = start + offset


def _pooled(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to the wishes by weighted least squares (pool adjacent violators)."""
    pools: list[list[float]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        pools.append([wish, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, mass, count = pools.pop()
            before = pools[-1]
            pools[-1] = [
                (before[0] * before[1] + mean * mass) / (before[1] + mass),
                before[1] + mass,
                before[2] + count,
            ]
    return [mean for mean, _, count in pools for _ in range(int(count))]
