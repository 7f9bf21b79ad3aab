"""What is drawn at each level, how large graphs collapse, and the formats that are text: dot, mermaid, JSON."""

from __future__ import annotations

import json

from compiler.drawing.data import to_json
from compiler.drawing.dot import to_dot
from compiler.drawing.mermaid import to_mermaid
from compiler.drawing.view import view
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


def layered(width: int) -> Graph:
    return graph_of(
        f"""
        tasks:
          a: {{call: "m:f", foreach: {{i: "${{{{ range({width}) }}}}"}}}}
          b: {{call: "m:g", foreach: {{i: "${{{{ range(3) }}}}"}}, args: ["${{{{ tasks.a[i] }}}}"]}}
          c: {{call: "m:h", args: ["${{{{ tasks.b }}}}"]}}
        result: ${{{{ tasks.c }}}}
        """
    )


def test_templates_collapse_a_family_to_one_node() -> None:
    graph = diamond()
    seen = to_json(graph, view(graph))
    assert json.loads(json.dumps(seen)) == seen
    plain = {"rank": 0, "dynamic": False}
    assert seen == {
        "name": "t",
        "level": "template",
        "instances": 4,
        "critical_path_tasks": 3,
        "collapsed": [],
        "nodes": [
            {"name": "a", "kind": "task", "function": "m:f", "count": 1, "target": False, **plain},
            {
                "name": "b",
                "kind": "family",
                "function": "m:f",
                "count": 2,
                "target": False,
                "rank": 1,
                "dynamic": False,
            },
            {"name": "c", "kind": "task", "function": "m:g", "count": 1, "target": True, **plain},
        ],
        "edges": [
            {"from": "a", "to": "b", "output": "x", "count": 2},
            {"from": "b", "to": "c", "output": None, "count": 2},
            {"from": "a", "to": "c", "output": "y", "count": 1},
        ],
    }


def test_instances_are_nodes_of_their_own() -> None:
    graph = diamond()
    seen = view(graph, "instance")
    assert [node.name for node in seen.nodes] == ["a", "b[0]", "b[1]", "c"]
    assert [node.kind for node in seen.nodes] == ["task", "instance", "instance", "task"]
    assert len(seen.edges) == 5


def test_largest_families_collapse_first() -> None:
    graph = layered(100)
    seen = view(graph, "instance", max_nodes=10)
    assert [node.label for node in seen.nodes] == ["a (100)", "b[0]", "b[1]", "b[2]", "c"]
    assert seen.collapsed == ("a",)
    assert view(graph, "instance", max_nodes=4).collapsed == ("a", "b")
    assert view(graph, "template", max_nodes=4).collapsed == ()


def test_too_many_tasks_become_groups_by_depth_and_function_then_by_depth() -> None:
    tasks = [f'  t{n}: {{call: "m:f{n % 2}", args: ["${{{{ tasks.t{n - 4} }}}}"]}}' for n in range(4, 40)]
    first = [f'  t{n}: {{call: "m:f{n % 2}"}}' for n in range(4)]
    graph = graph_of("\n".join(["tasks:", *first, *tasks]))
    by_function = view(graph, max_nodes=39)
    assert [node.name for node in by_function.nodes][:3] == ["m:f0 at depth 0", "m:f1 at depth 0", "m:f0 at depth 1"]
    assert {node.count for node in by_function.nodes} == {2}
    by_depth = view(graph, max_nodes=15)
    assert [node.label for node in by_depth.nodes][:2] == ["tasks at depth 0 (4)", "tasks at depth 1 (4)"]
    assert next((edge.producer, edge.consumer, edge.count) for edge in by_depth.edges) == (0, 1, 4)
    by_depths = view(graph, max_nodes=4)
    assert [node.label for node in by_depths.nodes][:2] == [
        "tasks at depths 0 to 2 (12)",
        "tasks at depths 3 to 5 (12)",
    ]
    assert len(by_depths.nodes) == 4


def test_dot_and_mermaid_at_both_levels() -> None:
    graph = diamond()
    assert to_dot(view(graph)).splitlines()[3:] == [
        '  n0 [label="a", tooltip="m:f"];',
        '  n1 [label="b (2)", tooltip="m:f", shape=box3d, style=solid];',
        '  n2 [label="c", tooltip="m:g", peripheries=2];',
        '  n0 -> n1 [label="x (2)"];',
        '  n1 -> n2 [label="(2)"];',
        '  n0 -> n2 [label="y"];',
        "}",
    ]
    assert to_dot(view(graph, "instance")).count("->") == 5
    assert to_mermaid(view(graph)).splitlines() == [
        "flowchart TD",
        '  n0["a"]',
        '  n1[["b (2)"]]',
        '  n2(["c"])',
        '  n0 -->|"x (2)"| n1',
        '  n1 -->|"(2)"| n2',
        '  n0 -->|"y"| n2',
    ]
    assert to_mermaid(view(graph, "instance")).count("-->") == 5


def test_keys_with_quotes_stay_valid_in_drawings() -> None:
    seen = view(graph_of("""tasks: {a: {call: "m:f", foreach: {k: ['"<x>#&|`\\']}}}"""), "instance")
    assert 'label="a[\\"\\\\\\"<x>#&|`\\\\\\\\\\"]"' in to_dot(seen)
    shown = to_mermaid(seen)
    assert "#lt;x#gt;#35;#amp;#124;#96;" in shown
    assert shown.splitlines()[1].count('"') == 2


def test_a_run_time_family_shows_that_its_width_is_unknown() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:g", foreach: {x: "${{ tasks.a }}"}, fanout: {max: 9}, args: ["${{ x }}"]}
        result: ${{ tasks.b }}
        """
    )
    assert [node.label for node in view(graph).nodes] == ["a", "b (?)"]
    assert "style=dashed" in to_dot(view(graph))
