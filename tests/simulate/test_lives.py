"""What a worker's life holds, in virtual time: company on one worker, a linger, a spill, a second invocation; and the
same simulation whatever Python's hashes are."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.simulate.world import Deadlock, World, simulate
from runtime.config import WorkerSettings
from runtime.timeline import InvocationSpans
from tests.simulate.planned import STILL, draw, workload

SETTINGS = WorkerSettings(linger_s=0.05)
MEETING = """
tasks:
  a: {call: "functions:f", worker: left}
  b: {call: "functions:f", worker: right}
  mine: {call: "functions:f", args: ["${{ tasks.a }}"], worker: middle}
  yours: {call: "functions:f", args: ["${{ tasks.b }}"], worker: middle}
  end: {call: "functions:g", args: ["${{ tasks.mine }}", "${{ tasks.yours }}"], worker: middle}
result: ${{ tasks.end }}
"""
RETURNING = """
tasks:
  first: {call: "functions:f", worker: left}
  kept: {call: "functions:f", args: ["${{ tasks.first }}"], worker: left}
  away: {call: "functions:g", args: ["${{ tasks.first }}"], worker: right}
  last: {call: "functions:two", args: ["${{ tasks.kept }}", "${{ tasks.away }}"], worker: left, outputs: [a, b]}
result: ${{ tasks.last.a }}
"""
LINK = replace(STILL, round_trip_s=0.001, invoke_s=0.002)


def of_worker(invocations: tuple[InvocationSpans, ...], worker: str) -> list[tuple[str, ...]]:
    """The tasks of each of its invocations."""
    return [tuple(span.task for span in one.spans) for one in invocations if one.start_up.worker == worker]


def test_tasks_of_one_worker_run_one_after_another_and_move_nothing(tmp_path: Path) -> None:
    chain = "\n".join(
        ["tasks:", '  t0: {call: "functions:f"}']
        + [f'  t{n}: {{call: "functions:f", args: ["${{{{ tasks.t{n - 1} }}}}"]}}' for n in range(1, 10)]
        + ["result: ${{ tasks.t9 }}"]
    )
    load = workload(tmp_path, chain)
    (one,) = simulate(load, LINK, draw(load, exec_s=0.1)).timeline.invocations
    ends = [(span.started_at, span.started_at + span.exec_s) for span in one.spans]
    assert len(ends) == 10 and all(later[0] >= earlier[1] for earlier, later in itertools.pairwise(ends))
    assert not any(span.inputs for span in one.spans)
    assert [span.task for span in one.spans if span.committed_at] == ["t9"]


def test_two_tasks_that_become_ready_at_two_parents_start_their_worker_once(tmp_path: Path) -> None:
    load = workload(tmp_path, MEETING)
    done = simulate(load, LINK, draw(load, exec_s=0.5, cold_s=0.1), SETTINGS)
    assert of_worker(done.timeline.invocations, "middle") == [("mine", "yours", "end")]


@pytest.mark.parametrize(("away_s", "invocations"), [(0.02, 1), (1.0, 2)])
def test_who_lingers_gets_what_comes_soon_and_is_called_again_for_what_comes_late(
    tmp_path: Path, away_s: float, invocations: int
) -> None:
    load = workload(tmp_path, RETURNING)
    times = draw(load, exec_s={"first": 0.1, "kept": 0.1, "away": 0.1 + away_s, "last": 0.1})
    done = simulate(load, LINK, times, SETTINGS).timeline.invocations
    assert len(of_worker(done, "left")) == invocations
    lingered = next(one.start_up for one in done if one.start_up.worker == "left")
    assert lingered.idle_s > 0.0


def test_what_a_leaving_worker_keeps_for_its_later_task_is_spilled_before_it_goes(tmp_path: Path) -> None:
    load = workload(tmp_path, RETURNING)
    times = draw(load, exec_s={"first": 0.1, "kept": 0.1, "away": 1.0, "last": 0.1})
    done = simulate(load, LINK, times, SETTINGS).timeline
    (kept,) = [span for span in done.spans if span.task == "kept"]
    assert kept.committed_at > 0.0 and kept.outputs[0].is_stored
    (last,) = [span for span in done.spans if span.task == "last"]
    assert {one.slot for one in last.inputs} == {"kept", "away"} and last.local_inputs == 0


def test_a_deadlock_says_which_output_is_missing_who_waits_and_for_what(tmp_path: Path) -> None:
    load = workload(tmp_path, MEETING)
    world = World(load, STILL, draw(load, exec_s=1.0), WorkerSettings())
    send = world.invoke
    world.invoke = lambda delivery: delivery.call.worker == "right" or send(delivery)  # type: ignore[method-assign]
    with pytest.raises(Deadlock) as caught:
        world.run()
    assert str(caught.value) == "the run stands still without end: b is ready and nobody runs it"
    assert caught.value.missing == ("end",)


PROGRAM = """
import hashlib, sys
from pathlib import Path
from runtime.timeline import encode_timeline
from tests.simulate.planned import draw, workload
from tests.simulate.test_lives import LINK, MEETING
from compiler.simulate.world import simulate
load = workload(Path(sys.argv[1]), MEETING, planner=sys.argv[2])
timeline = simulate(load, LINK, draw(load, exec_s=0.125, cold_s=0.1, warm_s=0.01)).timeline
print(hashlib.sha256(encode_timeline(timeline)).hexdigest())
"""


def test_the_same_timeline_under_any_seed_of_hashes(tmp_path: Path) -> None:
    def digest(seed: str) -> str:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path), "simple"]
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[2]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environ, cwd=root).stdout

    assert digest("0") == digest("1") != ""
