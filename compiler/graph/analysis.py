"""What a graph's shape says: depths, the critical path, and the graph as networkx knows it.

networkx is imported when it is asked for: compiling does not need it. Drawings are `compiler.drawing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.graph.model import Graph

if TYPE_CHECKING:
    import networkx as nx


def critical_path(graph: Graph) -> tuple[int, ...]:
    """The longest chain of instances, each of weight one; of equals the one that the earlier instances make."""
    depth, before = _longest(graph)
    if not depth:
        return ()
    at = max(range(len(depth)), key=lambda instance: (depth[instance], -instance))
    path = [at]
    while before[at] >= 0:
        at = before[at]
        path.append(at)
    return tuple(reversed(path))


def depths(graph: Graph) -> list[int]:
    """For each instance how many stand before it on the longest chain that ends in it."""
    return _longest(graph)[0]


def _longest(graph: Graph) -> tuple[list[int], list[int]]:
    """The depth of each instance, and the instance before it on the longest chain, or -1."""
    depth = [0] * len(graph)
    before = [-1] * len(graph)
    for instance in _topological(graph):
        for producer, _ in graph.in_edges[instance]:
            if depth[producer] + 1 > depth[instance]:
                depth[instance] = depth[producer] + 1
                before[instance] = producer
    return depth, before


def _topological(graph: Graph) -> list[int]:
    missing = [len(sources) for sources in graph.in_edges]
    consumers = graph.consumers()
    order = [instance for instance, count in enumerate(missing) if not count]
    for instance in order:
        for _, consumer in consumers[instance]:
            missing[consumer] -= 1
            if not missing[consumer]:
                order.append(consumer)
    assert len(order) == len(graph), "an expanded graph has no cycle"
    return order


def to_networkx(graph: Graph) -> nx.MultiDiGraph[str]:
    """Every instance and edge as networkx knows them, nodes by name."""
    import networkx as nx

    made: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=graph.name)
    targets = frozenset(graph.targets)
    names = [graph.name_of(instance) for instance in range(len(graph))]
    for instance, name in enumerate(names):
        made.add_node(name, task=graph.families[graph.family_of[instance]].task, is_target=instance in targets)
    for producer, output, consumer in graph.edges():
        outputs = graph.families[graph.family_of[producer]].outputs
        made.add_edge(names[producer], names[consumer], output=outputs[output] if output >= 0 else "")
    return made
