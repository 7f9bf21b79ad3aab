"""A simulated run: what it takes is what can be reckoned by hand, and who does what is what the real worker decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.simulate.world import Deadlock, World, simulate
from runtime.config import WorkerSettings
from tests.simulate.planned import STILL, draw, workload

CHAIN = """
tasks:
  a: {call: "functions:f"}
  b: {call: "functions:f", args: ["${{ tasks.a }}"]}
  c: {call: "functions:f", args: ["${{ tasks.b }}"]}
result: ${{ tasks.c }}
"""
FAN = """
tasks:
  one: {foreach: {i: "${{ range(8) }}"}, call: "functions:f", args: ["${{ i }}"]}
  all: {call: "functions:g", args: ["${{ tasks.one }}"]}
result: ${{ tasks.all }}
"""
PINNED = """
tasks:
  a: {call: "functions:f", worker: left}
  b: {call: "functions:f", args: ["${{ tasks.a }}"], worker: right}
result: ${{ tasks.b }}
"""
REJOIN = """
tasks:
  root: {call: "functions:f"}
  left: {call: "functions:f", args: ["${{ tasks.root }}"]}
  right: {call: "functions:g", args: ["${{ tasks.root }}"]}
  parts: {call: "functions:two", args: ["${{ tasks.left }}"], outputs: [a, b]}
  end: {call: "functions:f", args: ["${{ tasks.right }}", "${{ tasks.parts.a }}", "${{ tasks.parts.b }}"]}
result: ${{ tasks.end }}
"""
PLANNERS = ("simple", "wukong")


@pytest.mark.parametrize("planner", PLANNERS)
def test_chain_takes_the_sum_of_its_times_and_one_start(tmp_path: Path, planner: str) -> None:
    load = workload(tmp_path, CHAIN, planner=planner)
    done = simulate(load, STILL, draw(load, exec_s=1.0, cold_s=0.5, code_load_s=0.25))
    assert done.makespan_s == pytest.approx(0.5 + 0.25 + 3.0, abs=0.01)
    assert dict(done.starts) == {"cold": 1}
    assert [span.task for span in done.timeline.spans] == ["a", "b", "c"]


def test_edge_between_workers_takes_its_trips_and_its_bytes(tmp_path: Path) -> None:
    load = workload(tmp_path, PINNED)
    conditions = replace(STILL, round_trip_s=0.1, environment_bytes_per_s=1_000_000.0, invoke_s=0.01)
    small = simulate(load, conditions, draw(load, exec_s=1.0, size=10))
    large = simulate(load, conditions, draw(load, exec_s=1.0, size=1_000_000))
    # Launch: one invocation, begin and run; commit; invocation, fetch of the SubDag, begin, (fetch,) run, commit.
    assert small.makespan_s == pytest.approx(0.0 + 0.1 + 1.0 + 0.1 + 0.01 + 0.1 + 0.1 + 1.0 + 0.05, abs=0.01)
    # A large value has trips of its own: put, get after the look; and 1 s each way on the link, the result's too.
    assert large.makespan_s == pytest.approx(small.makespan_s + 0.1 + 0.1 + 0.1 + 0.1 + 3.0, abs=0.02)
    assert large.timeline.spans[1].inputs[0].source == "store" and small.timeline.spans[1].inputs[0].source == "payload"


def test_fan_out_beyond_the_limit_comes_in_waves_over_warm_environments(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN, workers=8)
    free = simulate(load, STILL, draw(load, exec_s=1.0))
    assert free.makespan_s == pytest.approx(2.0, abs=0.1)
    bound = simulate(load, replace(STILL, concurrency=4), draw(load, exec_s=1.0, cold_s=0.5, warm_s=0.125))
    assert bound.makespan_s >= 0.5 + 1.0 + 0.125 + 1.0 + 1.0
    assert bound.starts["cold"] == 4 and bound.starts["warm"] >= 4


def test_a_wait_for_an_environment_is_a_time_of_its_own_and_no_start(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN, workers=8)
    bound = simulate(load, replace(STILL, concurrency=4), draw(load, exec_s=1.0, cold_s=0.5, warm_s=0.125)).timeline
    late = [one.start_up for one in bound.invocations if one.start_up.invoke_time == 0.0][4:]
    assert [one.state for one in late] == ["warm"] * 4
    assert [one.queue_s for one in late] == pytest.approx([1.5] * 4, abs=0.1)
    assert [one.start_up_s for one in late] == pytest.approx([0.125] * 4, abs=0.01)
    cold = [one.start_up for one in bound.invocations if one.start_up.state == "cold"]
    assert {(one.queue_s, one.start_up_s) for one in cold} == {(0.0, 0.5)}


def test_environments_that_are_there_at_the_launch_serve_it_warm(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN, workers=8)
    told = draw(load, exec_s=1.0, cold_s=0.5, warm_s=0.125, code_load_s=0.25)
    (env,) = load.classes
    cold = simulate(load, STILL, told)
    some = simulate(load, replace(STILL, warm={env.name: 3, "another": 4}), told)
    assert (cold.starts["cold"], some.starts["cold"]) == (8, 5)
    every = simulate(load, replace(STILL, warm={env.name: 99}, is_code_loaded=True), told)
    assert every.starts["cold"] == 0
    assert every.makespan_s == pytest.approx(cold.makespan_s - (0.5 - 0.125) - 0.25, abs=0.1)
    assert min(one.start_up.invoke_time for one in every.timeline.invocations) == 0.0


def test_environments_share_the_cores_of_their_host(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN, workers=8)
    on_two = simulate(load, replace(STILL, cores=2.0), draw(load, exec_s=1.0))
    assert on_two.makespan_s == pytest.approx(8 * 1.0 / 2 + 1.0, abs=0.1)
    waiting = draw(load, exec_s=1.0)
    asleep = simulate(load, replace(STILL, cores=2.0), replace(waiting, cpu_s=[0.0] * len(load.source)))
    assert asleep.makespan_s == pytest.approx(2.0, abs=0.1)


def test_environment_that_is_idle_for_too_long_is_gone(tmp_path: Path) -> None:
    body = """
tasks:
  a: {call: "functions:f", worker: small, resources: {memory: 512MiB}}
  b: {call: "functions:g", args: ["${{ tasks.a }}"], worker: large, resources: {memory: 2GiB}}
  c: {call: "functions:f", args: ["${{ tasks.b }}"], worker: small, resources: {memory: 512MiB}}
result: ${{ tasks.c }}
"""
    load = workload(tmp_path, body)
    times = draw(load, exec_s={"a": 1.0, "b": 10.0, "c": 1.0}, cold_s=0.5)
    warm = simulate(load, STILL, times)
    assert dict(warm.starts) == {"cold": 2, "warm": 1}
    gone = simulate(load, replace(STILL, idle_expiry_s=5.0), times)
    assert dict(gone.starts) == {"cold": 3}
    assert gone.makespan_s == pytest.approx(warm.makespan_s + 0.5)


def test_event_goes_to_an_environment_that_becomes_free_while_a_new_one_starts(tmp_path: Path) -> None:
    load = workload(tmp_path, PINNED)
    done = simulate(load, STILL, draw(load, exec_s=1.0, cold_s=0.5))
    assert dict(done.starts) == {"cold": 1, "warm": 1}
    assert done.makespan_s == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("body", [CHAIN, FAN, REJOIN])
def test_every_task_runs_once_and_the_same_again(tmp_path: Path, planner: str, body: str) -> None:
    load = workload(tmp_path, body, planner=planner)
    conditions = replace(STILL, round_trip_s=0.001, invoke_s=0.002, environment_bytes_per_s=1e6)
    times = draw(load, exec_s=0.01, size=100_000, cold_s=0.1, warm_s=0.01)
    first, again = simulate(load, conditions, times), simulate(load, conditions, times)
    assert sorted(span.task for span in first.timeline.spans) == sorted(load.names)
    assert first.timeline == again.timeline
    assert all(one.is_complete for one in first.timeline.invocations)


def test_task_of_several_outputs_moves_only_what_is_taken(tmp_path: Path) -> None:
    load = workload(tmp_path, REJOIN, workers=2)
    done = simulate(load, STILL, draw(load, exec_s=0.1))
    parts = next(span for span in done.timeline.spans if span.task == "parts")
    assert [output.name for output in parts.outputs] == ["a", "b"]


def test_task_that_is_ready_at_two_parents_starts_one_worker_once(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN, planner="wukong")
    done = simulate(load, STILL, draw(load, exec_s=1.0))
    workers = [one.start_up.worker for one in done.timeline.invocations]
    assert len(workers) == len(set(workers))


def test_plan_that_stands_still_is_reported_with_names(tmp_path: Path) -> None:
    load = workload(tmp_path, PINNED)
    world = World(load, STILL, draw(load, exec_s=1.0), WorkerSettings())
    world.invoke = lambda delivery: None  # type: ignore[method-assign]  # Lambda loses every call
    with pytest.raises(Deadlock) as caught:
        world.run()
    assert caught.value.missing == ("b",) and "b" in str(caught.value)


def test_an_errand_waits_for_the_code_that_keeps_the_interpreter_beside_it(tmp_path: Path) -> None:
    """The first task's commit goes on beside the second, and so does what it calls."""
    body = """\
tasks:
  a: {call: functions:f}
  b: {call: functions:f, args: ["${{ tasks.a }}"]}
  far: {call: functions:f, args: ["${{ tasks.a }}"]}
result: ["${{ tasks.b }}", "${{ tasks.far }}"]
"""
    load = workload(tmp_path, body, workers=2)
    free = draw(load, exec_s={"a": 1.0, "b": 1.0, "far": 2.0})
    held = replace(free, hold_s=lambda instance: 0.25)
    assert simulate(load, STILL, free).makespan_s == pytest.approx(3.0)
    assert simulate(load, STILL, held).makespan_s == pytest.approx(3.25)
