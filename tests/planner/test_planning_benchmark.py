"""The graphs that the benchmark of planning times plans are what their names say, of about the size asked for."""

from __future__ import annotations

import pytest

from compiler.graph.depth_first import depths
from compiler.planner.problem import Problem
from tests.benchmarks.planning import SHAPES, growth, make_graph, measure


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tasks", [16, 250])
def test_graphs_have_about_the_size_asked_for_and_their_families_are_whole(shape: str, tasks: int) -> None:
    graph = make_graph(shape, tasks)
    assert 0.5 * tasks <= len(graph) <= 2 * tasks
    assert sum(family.count for family in graph.families) == len(graph)
    assert len({graph.name_of(number) for number in range(len(graph))}) == len(graph)
    assert all(
        family.first <= number < family.first + family.count
        for number, family in ((n, graph.families[graph.family_of[n]]) for n in range(len(graph)))
    )
    deepest = max(depths(graph, Problem(graph=graph).order))
    assert (
        deepest
        == {"chain": tasks - 1, "fan": 2, "layers": (tasks - 1) // 100, "tree": len(graph).bit_length() - 1}[shape]
    )


def test_a_case_is_measured_and_growth_is_for_twice_as_much() -> None:
    found = measure("simple", "tree", 100)
    assert found["seconds"] > 0 and found["peak"] > 0
    assert growth(1.0, 8.0, 8) == pytest.approx(2.0)
