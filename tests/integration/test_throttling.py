"""A service that refuses requests (429) slows a run and breeds no duplicates; at length: `tests.faults.throttling`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.throttling import build_shape, run_throttled
from tests.integration.running import PLANNERS

ENVIRONMENTS = 4


@pytest.mark.usefixtures("own_home")
@pytest.mark.parametrize("planner", PLANNERS)
def test_throttled_calls_are_sent_again_and_never_twice(tmp_path: Path, planner: str) -> None:
    build, marks = build_shape(tmp_path, "pinned", planner, 100, ENVIRONMENTS)
    outcome = run_throttled(build, marks, 20, ENVIRONMENTS, rate=25.0)
    assert outcome.is_right
    assert outcome.refused > 0
    assert (outcome.idle, outcome.twice) == (0, 0)


@pytest.mark.usefixtures("own_home")
def test_a_fan_out_in_a_tree_reaches_each_worker_once(tmp_path: Path) -> None:
    """More workers than environments, called by leaders: each call is begun once, however late it is delivered."""
    build, marks = build_shape(tmp_path, "fan-out", "wukong", 200, ENVIRONMENTS)
    outcome = run_throttled(build, marks, 200, ENVIRONMENTS, rate=None, fan_out=50)
    assert outcome.is_right
    assert outcome.begun > 40
    assert (outcome.idle, outcome.twice) == (0, 0)
