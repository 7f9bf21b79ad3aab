"""The depth-first order of a graph: producers before consumers, the tasks of a subtree side by side.

Records are laid out in it, blocks of a fan-out are cut along it. For a tree

        c            order: a0 a1 b0 a2 a3 b1 c
      /   \\
    b0     b1        linear time, no recursion
   /  \\   /  \\
  a0  a1 a2  a3
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.model import Graph


def depth_first_order(graph: Graph) -> list[int]:
    """Every instance once, in post-order from the sinks over the in-edges, both in order of number."""
    return _post_order(graph.in_edges, _sinks(graph.in_edges))


def _sinks(in_edges: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    feeds = bytearray(len(in_edges))
    for sources in in_edges:
        for producer, _ in sources:
            feeds[producer] = 1
    return [instance for instance, flag in enumerate(feeds) if not flag]


def _post_order(in_edges: Sequence[Sequence[tuple[int, int]]], sinks: list[int]) -> list[int]:
    order: list[int] = []
    entered = bytearray(len(in_edges))
    for sink in sinks:
        entered[sink] = 1
        stack = [(sink, iter(in_edges[sink]))]
        while stack:
            instance, sources = stack[-1]
            for producer, _ in sources:
                if not entered[producer]:
                    entered[producer] = 1
                    stack.append((producer, iter(in_edges[producer])))
                    break
            else:
                stack.pop()
                order.append(instance)
    assert len(order) == len(in_edges), "a verified graph has no cycle"
    return order


def depths(graph: Graph, order: Sequence[int]) -> list[int]:
    """For each instance the number of edges on the longest path from a root."""
    depth = [0] * len(graph)
    for instance in order:
        depth[instance] = max((depth[producer] + 1 for producer, _ in graph.in_edges[instance]), default=0)
    return depth
