"""Every asynchronous event delivered twice and late: the same results, each stored output committed once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.redeliver import MODES, run_through
from tests.faults.workloads import WORKLOADS, small_bench
from tests.integration.running import Bench


@pytest.fixture(scope="module")
def four(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


CASES = [
    ("twice", "tree", "simple"),
    ("twice", "fan", "wukong"),
    ("twice", "random", "wukong"),
    ("lossy", "tree", "wukong"),
    ("cut", "fan", "wukong"),
    ("refused", "chain", "simple"),
]


@pytest.mark.parametrize(("mode", "shape", "planner"), CASES)
def test_run_is_the_same_however_its_events_come(
    four: Bench, tmp_path: Path, mode: str, shape: str, planner: str
) -> None:
    workload = WORKLOADS[shape]
    outcome = run_through(four, workload.build(tmp_path, planner), workload, MODES[mode], seed=2)
    assert outcome.kind == "right", outcome
    assert four.left_keys() == []
