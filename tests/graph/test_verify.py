"""Cycles between instances, and the lints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.diagnostics import ManifestError
from compiler.graph.verify import HUGE_FAN_IN, verify_graph
from tests.graph.manifests import codes, graph_of, mistakes


def test_cycle_of_tasks_is_named_at_its_first_task() -> None:
    (found,) = mistakes(
        """
        tasks:
          start: {call: "m:f"}
          a: {call: "m:f", args: ["${{ tasks.c }}", "${{ tasks.start }}"]}
          b: {call: "m:f", args: ["${{ tasks.a }}"]}
          c: {call: "m:f", args: ["${{ tasks.b }}"]}
          behind: {call: "m:f", args: ["${{ tasks.c }}"]}
        """
    )
    assert found.code == "E302"
    assert "a -> b -> c -> a" in found.message
    assert found.span is not None and (found.span.start.line, found.span.start.column) == (5, 3)


def test_cycle_of_instances_names_the_instances() -> None:
    (found,) = mistakes(
        """
        tasks:
          a: {call: "m:f", foreach: {i: [0, 1]}, args: ["${{ tasks.a[1 - i] }}"]}
        """
    )
    assert (found.code, found.message.split(": ")[1]) == ("E302", "a[0] -> a[1] -> a[0]")


def test_cycles_across_the_same_families_are_one_report() -> None:
    (found,) = mistakes(
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(5) }}"}, args: ["${{ tasks.b[i] }}"]}
          b: {call: "m:f", foreach: {i: "${{ range(5) }}"}, args: ["${{ tasks.a[i] }}"]}
        """
    )
    assert (found.code, found.more) == ("E302", 4)


def test_instance_that_needs_itself_is_a_cycle() -> None:
    assert codes('tasks: {a: {call: "m:f", foreach: {i: [0, 1]}, args: ["${{ tasks.a[i] }}"]}}') == [("E302", 3)]


def test_after_takes_part_in_cycles() -> None:
    assert codes('tasks:\n  a: {call: "m:f", after: [b]}\n  b: {call: "m:f", args: ["${{ tasks.a }}"]}\n') == [
        ("E302", 4)
    ]


def test_a_chain_of_many_instances_needs_no_recursion() -> None:
    graph = graph_of(
        """
        tasks:
          first: {call: "m:f"}
          a:
            call: m:f
            foreach: {i: "${{ range(20000) }}"}
            args: ["${{ tasks.first if i == 0 else tasks.a[i - 1] }}"]
        result: ${{ tasks.a[19999] }}
        """
    )
    assert len(graph) == 20_001 and not graph.warnings


def test_a_long_cycle_is_found_and_shown_short() -> None:
    (found,) = mistakes(
        """
        tasks:
          a:
            call: m:f
            foreach: {i: "${{ range(5000) }}"}
            args: ["${{ tasks.a[(i + 1) % 5000] }}"]
        """
    )
    assert found.code == "E302" and len(found.message) < 120


LINTS = {
    "dead task": (
        """
        tasks:
          a: {call: "m:f"}
          dead: {call: "m:f", args: ["${{ tasks.a }}"]}
        result: ${{ tasks.a }}
        """,
        [("W301", 5)],
    ),
    "an ancestor through `after` is not dead": (
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", after: [a]}
        outputs: {x: "${{ tasks.b }}"}
        """,
        [],
    ),
    "many sinks": ('tasks:\n  a: {call: "m:f"}\n  b: {call: "m:f"}\n', [("W302", 3)]),
    "one family of sinks": ('tasks:\n  a: {call: "m:f", foreach: {i: [1, 2]}}\n', []),
    "width one": ('tasks:\n  a: {call: "m:f", foreach: {i: [1]}}\n', [("W303", 4)]),
}


@pytest.mark.parametrize("case", LINTS)
def test_lint(case: str) -> None:
    text, expected = LINTS[case]
    assert codes(text) == expected


def test_huge_fan_in_is_a_lint_of_the_task() -> None:
    text = """
        params: {n: 0}
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(params.n) }}"}}
          b: {call: "m:f", args: ["${{ tasks.a }}"]}
        """
    assert codes(text, {"n": HUGE_FAN_IN}) == []
    assert codes(text, {"n": HUGE_FAN_IN + 1}) == [("W304", 6)]


def test_verify_refuses_a_graph_that_was_made_cyclic() -> None:
    graph = graph_of('tasks:\n  a: {call: "m:f"}\n  b: {call: "m:f", args: ["${{ tasks.a }}"]}\n')
    with pytest.raises(ManifestError) as caught:
        verify_graph(replace(graph, in_edges=[((1, -1),), ((0, -1),)]))
    assert [found.code for found in caught.value.diagnostics] == ["E302"]


def test_a_dead_task_named_without_braces_says_where() -> None:
    text = """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", args: [[tasks.a.rows]]}
        result: ${{ tasks.b }}
        """
    (found,) = graph_of(text).warnings
    assert (found.code, found.hint) == ("W301", "write ${{ tasks.a.rows }}")
    assert found.related[0].span.start.line == found.span.start.line + 1
