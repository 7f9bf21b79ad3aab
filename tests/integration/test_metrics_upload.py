"""What arrives of the measurements of real workers that are killed, cut off, or whose run fails.

The whole campaign is `python -m tests.faults.kill_metrics`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import RunFailed
from runtime.launcher import launch
from runtime.timeline import InvocationSpans, gather
from tests.faults.kill_metrics import build_lanes, campaign
from tests.faults.workloads import SHORT_LEASES, small_bench
from tests.integration.gate import WAIT, meanwhile
from tests.integration.running import Bench, compile_at, wait_for, write_workflow


@pytest.fixture(scope="module")
def four(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


@pytest.mark.parametrize(
    ("strategy", "planner"),
    [("task", "simple"), ("queue:10", "wukong")],
)
def test_a_killed_worker_loses_what_its_strategy_says(four: Bench, tmp_path: Path, strategy: str, planner: str) -> None:
    loss = campaign(four, build_lanes(tmp_path, planner), strategy, kills=1, seed=7)
    assert (loss.kills, loss.over, loss.problems) == (1, 0, [])


def invocations(bench: Bench) -> tuple[InvocationSpans, ...]:
    """Those of the only run whose keys are there; the keys go."""
    (key,) = bench.client.scan_iter("*:spans")
    found = gather(bench.client.lrange(key, 0, -1))
    bench.client.delete(*bench.client.scan_iter(key.removesuffix(b"spans") + b"*"))
    assert found.problems == ()
    return found.invocations


LAST = """
tasks:
  first: {call: "functions:one", foreach: {i: "${{ range(8) }}"}, args: ["${{ i }}"], worker: "w${{ i % 2 }}"}
  broken: {call: "functions:broken", args: ["${{ tasks.first }}"], worker: w0}
"""
BROKEN = """
def one(i):
    return i


def broken(values):
    raise ValueError("broken")
"""


def test_a_failed_run_has_the_rows_of_all_that_ended_in_it(four: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, LAST, BROKEN), "simple")
    with pytest.raises(RunFailed):
        launch(build.loaded, four.target, SHORT_LEASES)
    rows = [span.task for one in invocations(four) for span in one.spans]
    assert sorted(rows) == sorted([*(f"first[{i}]" for i in range(8)), "broken"])


GATED = """
params: {folder: {type: str}}
tasks:
  before: {call: "functions:before", args: ["${{ params.folder }}"], worker: one}
  gate: {call: "functions:waits", args: ["${{ params.folder }}", "${{ tasks.before }}"], worker: one}
result: ${{ tasks.gate }}
"""
WAITS = (
    WAIT
    + """

def before(folder):
    import os

    pathlib.Path(folder, "pid").write_text(str(os.getpid()))
    return 0


def waits(folder, before):
    return wait(folder)
"""
)


@pytest.mark.parametrize("strategy", ["task", "every:50ms"])
def test_rows_arrive_while_a_long_task_runs(four: Bench, tmp_path: Path, strategy: str) -> None:
    build = compile_at(write_workflow(tmp_path, GATED, WAITS), "simple", folder=str(tmp_path))

    def arrived() -> bool:
        keys = list(four.client.scan_iter("*:spans"))
        texts = [text for key in keys for text in four.client.lrange(key, 0, -1)]
        return [span.task for one in gather(texts).invocations for span in one.spans] == ["before"]

    with meanwhile(tmp_path, lambda: wait_for(arrived, "the first task's row")):
        assert launch(build.loaded, four.target, replace(SHORT_LEASES, metrics_upload=strategy)).result == 1
    assert four.left_keys() == []


def test_a_zombie_s_rows_are_kept_beside_those_of_who_took_its_place(four: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GATED, WAITS), "simple", folder=str(tmp_path))

    def freeze() -> None:
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: (tmp_path / "pid").read_text() != str(pid), "another worker to take its place")
        finally:
            (tmp_path / "open").write_text("")
            os.kill(pid, signal.SIGCONT)

    with meanwhile(tmp_path, freeze):
        launch(build.loaded, four.target, SHORT_LEASES, keep=True)
    give_up = time.monotonic() + 10
    (key,) = four.client.scan_iter("*:spans")
    while len(gather(four.client.lrange(key, 0, -1)).invocations) < 2:
        assert time.monotonic() < give_up, "the zombie's rows do not arrive"
        time.sleep(0.01)
    both = invocations(four)
    assert [span.task for one in both for span in one.spans].count("before") == 2


def test_a_run_whose_measurements_cannot_be_written_goes_on_and_says_so(four: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GATED, WAITS), "simple", folder=str(tmp_path))

    def spoil() -> None:
        (key,) = four.client.scan_iter("*:spans")
        four.client.delete(key)
        four.client.set(key, "not a list")

    with meanwhile(tmp_path, spoil):
        result = launch(build.loaded, four.target, replace(SHORT_LEASES, metrics_upload="every:10ms"))
    assert (result.result, result.tasks) == (1, 2)
    assert result.timeline is not None
    (problem,) = result.timeline.problems
    assert "something else in it" in problem
    assert four.left_keys() == []
