"""What no plan can beat."""

from __future__ import annotations

import pytest

from compiler.planner.bounds import bounds
from compiler.planner.model import PlanOptions
from tests.factories import make_graph
from tests.planner.problems import known_problem


def test_critical_path_area_and_schedule_of_a_graph_reckoned_by_hand():
    seconds = {"a": 1.0, "b": 2.0, "c": 5.0, "d": 1.0}
    problem = known_problem(make_graph("a->b,c b,c->d"), seconds=seconds, options=PlanOptions(concurrency=2))
    found = bounds(problem)
    assert found.critical_path_s == pytest.approx(7.0, rel=0.05)
    assert found.area_s == pytest.approx(4.5, rel=0.05)
    assert found.least_s == found.critical_path_s
    assert 7.3 < found.heft_s < 8.0
