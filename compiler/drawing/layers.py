"""The first half of a layered drawing: which layer each box stands in, and boxes for edges that pass through layers.

After Sugiyama, Tagawa and Toda (1981): cycles are cut, each box stands one layer below the lowest box before it, and
an edge across several layers becomes a chain of thin boxes. Everything is iterative and in the order of the input, so
that equal graphs give equal drawings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Layered:
    """`layer_of` and `neighbours` by box. The first boxes are those of the graph, the rest are bends of edges.

    `chains[n]` are the boxes along edge n from its upper to its lower end; `is_turned[n]`: the edge points upwards.
    """

    layer_of: list[int]
    above: list[list[int]]
    below: list[list[int]]
    chains: list[list[int]]
    is_turned: list[bool]

    @property
    def depth(self) -> int:
        return max(self.layer_of, default=-1) + 1


def make_layers(count: int, edges: Sequence[Pair], *, stride: int = 1) -> Layered:
    """Layers for boxes 0..count-1 and edges without self-loops; `stride` 2 leaves a layer for labels between two."""
    turned = _back_edges(count, edges)
    directed = [(b, a) if is_back else (a, b) for (a, b), is_back in zip(edges, turned, strict=True)]
    layer_of = [layer * stride for layer in _longest_paths(count, directed)]
    made = Layered(
        layer_of=layer_of, above=[[] for _ in layer_of], below=[[] for _ in layer_of], chains=[], is_turned=turned
    )
    for upper, lower in directed:
        made.chains.append(_chain(made, upper, lower))
    return made


def _chain(made: Layered, upper: int, lower: int) -> list[int]:
    chain = [upper]
    for layer in range(made.layer_of[upper] + 1, made.layer_of[lower]):
        chain.append(len(made.layer_of))
        made.layer_of.append(layer)
        made.above.append([])
        made.below.append([])
    chain.append(lower)
    for first, second in pairwise(chain):
        made.below[first].append(second)
        made.above[second].append(first)
    return chain


def _back_edges(count: int, edges: Sequence[Pair]) -> list[bool]:
    """Which edges close a cycle, met depth first in the order of the boxes."""
    out: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, (a, b) in enumerate(edges):
        out[a].append((number, b))
    is_back = [False] * len(edges)
    state = [0] * count
    for start in range(count):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(out[start]))]
        while stack:
            box, rest = stack[-1]
            for number, target in rest:
                if state[target] == 1:
                    is_back[number] = True
                elif state[target] == 0:
                    state[target] = 1
                    stack.append((target, iter(out[target])))
                    break
            else:
                state[box] = 2
                stack.pop()
    return is_back


def _longest_paths(count: int, edges: Sequence[Pair]) -> list[int]:
    """The longest path to each box; a box without producers stands just above its first consumer."""
    out: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    has_producer = [False] * count
    for a, b in edges:
        out[a].append(b)
        missing[b] += 1
        has_producer[b] = True
    order = [box for box in range(count) if not missing[box]]
    layer = [0] * count
    for box in order:
        for target in out[box]:
            layer[target] = max(layer[target], layer[box] + 1)
            missing[target] -= 1
            if not missing[target]:
                order.append(target)
    for box in reversed(order):
        if out[box] and not has_producer[box]:
            layer[box] = min(layer[target] for target in out[box]) - 1
    return layer
