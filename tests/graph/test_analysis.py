"""The critical path, the networkx view and the exports."""

from __future__ import annotations

import json

from compiler.graph.analysis import critical_path, to_dot, to_json, to_mermaid, to_networkx
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


def test_templates_collapse_a_family_to_one_node() -> None:
    seen = to_json(diamond())
    assert json.loads(json.dumps(seen)) == seen
    assert seen == {
        "name": "t",
        "level": "template",
        "instances": 4,
        "critical_path_tasks": 3,
        "nodes": [
            {"name": "a", "function": "m:f", "count": 1, "target": False},
            {"name": "b", "function": "m:f", "count": 2, "target": False},
            {"name": "c", "function": "m:g", "count": 1, "target": True},
        ],
        "edges": [
            {"from": "a", "to": "b", "output": "x", "count": 2},
            {"from": "b", "to": "c", "output": None, "count": 2},
            {"from": "a", "to": "c", "output": "y", "count": 1},
        ],
    }


def test_dot_and_mermaid_at_both_levels() -> None:
    graph = diamond()
    assert to_dot(graph).splitlines()[3:] == [
        '  n0 [label="a", tooltip="m:f"];',
        '  n1 [label="b (2)", tooltip="m:f", shape=box3d, style=solid];',
        '  n2 [label="c", tooltip="m:g", peripheries=2];',
        '  n0 -> n1 [label="x (2)"];',
        '  n1 -> n2 [label="(2)"];',
        '  n0 -> n2 [label="y"];',
        "}",
    ]
    assert to_dot(graph, "instance").count("->") == 5
    assert to_mermaid(graph).splitlines() == [
        "flowchart TD",
        '  n0["a"]',
        '  n1[["b (2)"]]',
        '  n2(["c"])',
        '  n0 -->|"x (2)"| n1',
        '  n1 -->|"(2)"| n2',
        '  n0 -->|"y"| n2',
    ]
    assert to_mermaid(graph, "instance").count("-->") == 5


def test_keys_with_quotes_stay_valid_in_drawings() -> None:
    graph = graph_of("""tasks: {a: {call: "m:f", foreach: {k: ['"<x>#']}}}""")
    assert '\\"' in to_dot(graph, "instance")
    assert "#lt;x#gt;#35;" in to_mermaid(graph, "instance")
