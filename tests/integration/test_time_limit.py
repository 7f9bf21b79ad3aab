"""Invocations that end on real environments: work that goes on in fresh ones, and tasks that no invocation can hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.launcher import launch
from tests.faults.time_limit import run_limited
from tests.integration.running import Bench, compile_at, write_workflow

SLEEPERS = """
import time


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def refuse(seconds):
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        try:
            time.sleep(give_up - time.monotonic())
        except BaseException:
            pass
    return seconds


def tell(record):
    return record["type"]
"""
LONG = {
    "function": 'call: "functions:sleep", args: [30]',
    "command": "exec: {argv: [sleep, '30']}",
    "stubborn": 'call: "functions:refuse", args: [30]',
}


def record_of(bench: Bench, path: Path, planner: str, limit_s: int = 1) -> dict[str, object]:
    """The record of the one task that fails when an invocation may take `limit_s`."""
    with pytest.raises(RunFailed) as failed:
        launch_limited(bench, path, planner, limit_s)
    (record,) = failed.value.records
    return record


def launch_limited(bench: Bench, path: Path, planner: str, limit_s: int) -> object:
    target = replace(bench.target, time_limit_s=limit_s)
    return launch(compile_at(path, planner).loaded, target, WorkerSettings(fan_out=4, deadline_s=60.0)).result


def test_work_longer_than_an_invocation_goes_on_in_fresh_ones(bench: Bench, tmp_path: Path) -> None:
    outcome = run_limited(bench, tmp_path, "wukong", limit_s=3, seconds=7.0)
    assert outcome.is_right
    assert outcome.invocations > 2
    assert (outcome.cut >= 2, outcome.twice) == (True, 0)
    assert outcome.told_cut == outcome.cut
    assert bench.left_keys() == []


@pytest.mark.parametrize("kind", LONG)
def test_a_task_longer_than_any_invocation_fails_with_a_record_that_says_so(
    bench: Bench, tmp_path: Path, kind: str
) -> None:
    body = f"""
tasks:
  long: {{{LONG[kind]}}}
"""
    record = record_of(bench, write_workflow(tmp_path, body, SLEEPERS), "simple")
    assert (record["task"], record["type"], record["attempt"]) == ("long", "TimeLimit", 1)
    assert record["message"] == "long was not done after a whole invocation, which ends after 1 s"
    assert record["line"] == 5


def test_a_failure_by_the_time_limit_may_be_let_pass(bench: Bench, tmp_path: Path) -> None:
    body = """
tasks:
  long: {call: "functions:sleep", args: [30], on_error: continue}
  kind: {call: "functions:tell", args: ["${{ tasks.long }}"]}
result: ${{ tasks.kind }}
"""
    assert launch_limited(bench, write_workflow(tmp_path, body, SLEEPERS), "wukong", 1) == "TimeLimit"


def test_a_retry_that_names_a_timeout_repeats_it(bench: Bench, tmp_path: Path) -> None:
    body = """
tasks:
  long: {call: "functions:sleep", args: [30], retry: {max: 1, on: [Timeout]}}
"""
    record = record_of(bench, write_workflow(tmp_path, body, SLEEPERS), "simple")
    assert (record["type"], record["attempt"], record["attempts"]) == ("TimeLimit", 2, 2)


def test_a_timeout_shorter_than_the_limit_is_a_timeout(bench: Bench, tmp_path: Path) -> None:
    body = """
tasks:
  long: {call: "functions:sleep", args: [30], timeout: 500ms}
"""
    record = record_of(bench, write_workflow(tmp_path, body, SLEEPERS), "simple", limit_s=10)
    assert record["type"] == "Timeout"


def test_what_is_not_idempotent_is_not_begun_without_the_time_for_it(bench: Bench, tmp_path: Path) -> None:
    body = """
tasks:
  first: {call: "functions:sleep", args: [0.7], worker: one}
  once: {call: "functions:sleep", args: [0.7], idempotent: false, timeout: 900ms, after: [first], worker: one}
result: ["${{ tasks.first }}", "${{ tasks.once }}"]
"""
    assert launch_limited(bench, write_workflow(tmp_path, body, SLEEPERS), "simple", 2) == [0.7, 0.7]
