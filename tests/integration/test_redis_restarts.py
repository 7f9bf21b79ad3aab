"""Redis killed and back again in mid-run, with what it has kept of its writes: the run completes all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.restart_redis import run_of
from tests.faults.workloads import WORKLOADS

RESTARTS = [
    ("always", "tree", "wukong", 4),
    ("everysec", "random", "simple", 8),
    ("everysec", "chain", "wukong", 39),
    ("failover", "fan", "wukong", 3),
    ("paused", "tree", "simple", 7),
]


@pytest.mark.parametrize("case", RESTARTS, ids=str)
def test_run_survives_what_happens_to_its_redis(
    own_home: None, tmp_path: Path, case: tuple[str, str, str, int]
) -> None:
    mode, shape, planner, seed = case
    outcome, left = run_of(mode, tmp_path, WORKLOADS[shape], planner, seed)
    assert (outcome.kind, left) == ("right", []), outcome
    assert outcome.hit, outcome
