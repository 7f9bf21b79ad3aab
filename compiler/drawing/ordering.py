"""The order of the boxes in each layer, with few crossings: sweeps by the mean of the neighbours, the best is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from compiler.drawing.layers import Layered

SWEEPS = 12


def order_layers(layered: Layered) -> list[list[int]]:
    """The boxes of each layer from left to right."""
    rows = _first_order(layered)
    best, fewest = rows, _crossings(rows, layered)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        rows = _swept(rows, layered, is_down=sweep % 2 == 0)
        found = _crossings(rows, layered)
        if found < fewest:
            best, fewest = rows, found
    return best


def _first_order(layered: Layered) -> list[list[int]]:
    """Depth first from the boxes without producers, so that what belongs together begins together."""
    rows: list[list[int]] = [[] for _ in range(layered.depth)]
    seen = [False] * len(layered.layer_of)
    roots = [box for box, above in enumerate(layered.above) if not above]
    stack = list(reversed(roots))
    while stack:
        box = stack.pop()
        if seen[box]:
            continue
        seen[box] = True
        rows[layered.layer_of[box]].append(box)
        stack.extend(reversed(layered.below[box]))
    return rows


def _swept(rows: Sequence[Sequence[int]], layered: Layered, *, is_down: bool) -> list[list[int]]:
    """Each layer sorted by where the neighbours in the layer before stand; boxes without any keep their place."""
    neighbours = layered.above if is_down else layered.below
    found = [list(row) for row in rows]
    at = [0] * len(layered.layer_of)
    order = range(len(found)) if is_down else reversed(range(len(found)))
    for layer in order:
        row = found[layer]
        wish = {}
        for place, box in enumerate(row):
            near = neighbours[box]
            wish[box] = sum(at[other] for other in near) / len(near) if near else float(place)
        row.sort(key=lambda box: wish[box])
        for place, box in enumerate(row):
            at[box] = place
    return found


def _crossings(rows: Sequence[Sequence[int]], layered: Layered) -> int:
    """How many pairs of edges cross between neighbouring layers, counted with a tree of sums (Barth et al., 2002)."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {box: at for at, box in enumerate(lower)}
        ends = [at for box in upper for at in sorted(place[other] for other in layered.below[box])]
        total += _inversions(ends, len(lower))
    return total


def _inversions(ends: Sequence[int], width: int) -> int:
    tree = [0] * (width + 1)
    total = 0
    for seen, end in enumerate(ends):
        at, not_greater = end + 1, 0
        while at:
            not_greater += tree[at]
            at &= at - 1
        total += seen - not_greater
        at = end + 1
        while at <= width:
            tree[at] += 1
            at += at & -at
    return total
