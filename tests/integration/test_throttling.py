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
