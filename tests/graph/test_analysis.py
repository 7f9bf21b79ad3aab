"""The critical path, depths, and the networkx view."""

from __future__ import annotations

from compiler.graph.analysis import critical_path, depths, to_networkx
from compiler.graph.model import Graph
from tests.graph.manifests import graph_of


def diamond() -> Graph:
    return graph_of(
        """
        tasks:
          a: {call: "m:f", outputs: [x, y]}
          b: {call: "m:f", foreach: {i: [0, 1]}, args: ["${{ tasks.a.x }}"]}
          c: {call: "m:g", args: ["${{ tasks.b }}", "${{ tasks.a.y }}"]}
        result: ${{ tasks.c }}
        """
    )


def test_critical_path_is_the_longest_chain() -> None:
    graph = diamond()
    assert [graph.name_of(instance) for instance in critical_path(graph)] == ["a", "b[0]", "c"]


def test_critical_path_of_the_levels_of_a_tree() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(8) }}"}, args: ["${{ tasks.a[i // 2] if i > 1 else i }}"]}
          lone: {call: "m:f"}
        """
    )
    assert [graph.keys[instance] for instance in critical_path(graph)] == [(1,), (2,), (4,)]


def test_depth_is_the_longest_way_to_an_instance() -> None:
    assert depths(diamond()) == [0, 1, 1, 2]


def test_networkx_view_holds_every_edge() -> None:
    import networkx as nx

    graph = diamond()
    view = to_networkx(graph)
    assert set(view.nodes) == {"a", "b[0]", "b[1]", "c"}
    assert sorted(view.edges(data="output")) == [
        ("a", "b[0]", "x"),
        ("a", "b[1]", "x"),
        ("a", "c", "y"),
        ("b[0]", "c", ""),
        ("b[1]", "c", ""),
    ]
    assert nx.is_directed_acyclic_graph(view)
