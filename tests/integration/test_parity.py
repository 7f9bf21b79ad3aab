"""One worker, two clocks: what a simulation says of a plan beside what a real run of it did.

The tasks wait for so long that what else happens lies within the gaps between them: who ran what, in which order, in
environments new or used, is then the same, whatever the machine is busy with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time

import pytest

from compiler.emit.bundle import Build
from compiler.pipeline import CompileOptions, compile_workflow
from compiler.simulate.conditions import Conditions, Draw
from compiler.simulate.workload import Workload
from compiler.simulate.world import simulate
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.idle import WarmPool, warm_pool
from runtime.local.stack import ensure_stack
from runtime.timeline import Timeline
from tests.integration.running import write_workflow
from tests.local.harness import wait_for

FUNCTIONS = """
import time


def wait(seconds, *inputs):
    time.sleep(seconds)
    return sum(inputs, seconds)
"""
LIMIT = 4
GAP_S = 0.2
"""What a simulation puts so far apart happens in that order."""
QUEUE_S = 0.5
"""What waits for environments may differ by on a busy machine, in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A workflow, what each of its tasks takes, and the starts that it is made for, in so many `environments`."""

    body: str
    seconds: Mapping[str, float]
    starts: Mapping[str, int]
    planner: str = "simple"
    workers: int = LIMIT
    environments: int = LIMIT
    idle_expiry_s: float = 300.0


CALLER_STAYS = """
tasks:
  a: {call: "functions:wait", args: [0.4], worker: left}
  long: {call: "functions:wait", args: [1.2, "${{ tasks.a }}"], worker: left}
  b: {call: "functions:wait", args: [1.8, "${{ tasks.a }}"], worker: right}
  c: {call: "functions:wait", args: [0.1, "${{ tasks.b }}", "${{ tasks.long }}"], worker: left}
result: ${{ tasks.c }}
"""
TWO_SIZES = """
tasks:
  a: {call: "functions:wait", args: [0.1], worker: small, resources: {memory: 512MiB}}
  b: {call: "functions:wait", args: [1.2, "${{ tasks.a }}"], worker: large, resources: {memory: 2GiB}}
  c: {call: "functions:wait", args: [0.1, "${{ tasks.b }}"], worker: small, resources: {memory: 512MiB}}
result: ${{ tasks.c }}
"""
LAST_PARENT = """
tasks:
  short: {call: "functions:wait", args: [0.3]}
  long: {call: "functions:wait", args: [1.4]}
  end: {call: "functions:wait", args: [0.1, "${{ tasks.short }}", "${{ tasks.long }}"]}
result: ${{ tasks.end }}
"""
THREE_AT_ONCE = """
tasks:
  a: {call: "functions:wait", args: [0.6], worker: one}
  b: {call: "functions:wait", args: [0.6], worker: two}
  c: {call: "functions:wait", args: [0.6], worker: three}
result: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}"]
"""
FOUR_AT_ONCE = """
tasks:
  a: {call: "functions:wait", args: [0.4], worker: one}
  b: {call: "functions:wait", args: [0.4], worker: two}
  c: {call: "functions:wait", args: [0.4], worker: three}
  d: {call: "functions:wait", args: [1.0], worker: four}
  end:
    call: "functions:wait"
    args: [0.1, "${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}", "${{ tasks.d }}"]
    worker: four
result: ${{ tasks.end }}
"""
CASES = {
    "a worker that is needed while its caller goes on, and one that comes back": Case(
        body=CALLER_STAYS,
        seconds={"a": 0.4, "long": 1.2, "b": 1.8, "c": 0.1},
        starts={"cold": 2, "warm": 1},
    ),
    "an environment of its size is there": Case(
        body=TWO_SIZES, seconds={"a": 0.1, "b": 1.2, "c": 0.1}, starts={"cold": 2, "warm": 1}
    ),
    "an environment of its size was idle for too long": Case(
        body=TWO_SIZES, seconds={"a": 0.1, "b": 1.2, "c": 0.1}, starts={"cold": 3}, idle_expiry_s=0.4
    ),
    "a worker is called while another has the one environment that there may be": Case(
        body=CALLER_STAYS,
        seconds={"a": 0.4, "long": 1.2, "b": 1.8, "c": 0.1},
        starts={"cold": 1, "warm": 2},
        environments=1,
    ),
    "a flexible task goes on where its last parent ends": Case(
        body=LAST_PARENT,
        seconds={"short": 0.3, "long": 1.4, "end": 0.1},
        starts={"cold": 2},
        planner="wukong",
    ),
}


def really(case: Case, build: Build) -> tuple[object, Timeline]:
    with ensure_stack(LocalSettings(concurrency_limit=case.environments, idle_expiry_s=case.idle_expiry_s)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        result = launch(build.loaded, target, WorkerSettings(fan_out=LIMIT))
    assert result.timeline is not None
    return result.result, result.timeline


def virtually(case: Case, build: Build, warm: Mapping[str, int] | None = None) -> Timeline:
    load = Workload(source=build.graph, plan=build.plan)
    conditions = Conditions(
        concurrency=case.environments,
        idle_expiry_s=case.idle_expiry_s,
        cores=2.0,
        round_trip_s=0.001,
        invoke_s=0.005,
        warm=warm or {},
        is_code_loaded=True,
    )
    draw = Draw(
        exec_s=[case.seconds[name] for name in load.names],
        cpu_s=[0.0] * len(load.names),
        bytes_of=lambda instance, output: 100,
        cold_s=lambda env: 0.1,
        warm_s=lambda env: 0.01,
        code_load_s=lambda module: 0.005,
        ready_s=0.1,
    )
    return simulate(load, conditions, draw).timeline


def who_ran_what(timeline: Timeline) -> list[tuple[str, str, tuple[str, ...]]]:
    """By invocation, whichever began first: worker, state, and tasks in order."""
    ran = [
        (one.start_up.worker, one.start_up.state, tuple(span.task for span in sorted(one.spans, key=_started)))
        for one in timeline.invocations
        if one.spans
    ]
    return sorted(ran, key=lambda invocation: invocation[2])


def queue_s(timeline: Timeline) -> float:
    """What invocations waited for an environment in all, of which small waits on a busy machine are no part."""
    return sum(one.start_up.queue_s for one in timeline.invocations)


def _started(span: object) -> float:
    return span.started_at  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("name", CASES)
def test_a_simulation_says_what_the_run_does(name: str, tmp_path: Path, own_home: None) -> None:
    case = CASES[name]
    path = write_workflow(tmp_path, case.body, FUNCTIONS)
    options = CompileOptions(planner=case.planner, workers=case.workers, concurrency=LIMIT)
    build = compile_workflow(path, options)
    result, real = really(case, build)
    simulated = virtually(case, build)
    assert result == pytest.approx(expected(case, build))
    assert who_ran_what(real) == who_ran_what(simulated)
    for timeline in (real, simulated):
        assert Counter(one.start_up.state for one in timeline.invocations) == case.starts
    assert_spans_agree(case, real, simulated)
    assert (queue_s(simulated) > 1.0) == (case.environments < 2)
    assert queue_s(real) == pytest.approx(queue_s(simulated), abs=QUEUE_S)


def test_a_second_run_finds_the_environments_of_the_first(tmp_path: Path, own_home: None) -> None:
    """Three environments are left of the first, and four workers are called at once."""
    case = Case(
        body=FOUR_AT_ONCE, seconds={"a": 0.4, "b": 0.4, "c": 0.4, "d": 1.0, "end": 0.1}, starts={}, environments=4
    )
    build = compile_workflow(write_workflow(tmp_path, case.body, FUNCTIONS), CompileOptions(concurrency=LIMIT))
    first = compile_workflow(write_workflow(tmp_path / "first", THREE_AT_ONCE, FUNCTIONS), CompileOptions())
    with ensure_stack(LocalSettings(concurrency_limit=LIMIT)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        assert warm_pool(stack.status(), target.function_prefix) == WarmPool()
        launch(first.loaded, target, WorkerSettings())
        wait_for(lambda: sum(warm_pool(stack.status(), target.function_prefix).idle.values()) == 3)
        pool = warm_pool(stack.status(), target.function_prefix)
        real = launch(build.loaded, target, WorkerSettings()).timeline
    assert real is not None and pool.idle == {build.loaded.classes[0].name: 3} and pool.since <= time()
    simulated = virtually(case, build, pool.idle)
    starts = [Counter(one.start_up.state for one in timeline.invocations) for timeline in (real, simulated)]
    assert starts[0] == starts[1] and starts[0]["cold"] == 1


def expected(case: Case, build: Build) -> float:
    """What the last task returns: its own seconds and all that it takes."""
    graph, total = build.graph, {}
    for instance in range(len(graph)):
        name = graph.name_of(instance)
        total[instance] = case.seconds[name] + sum(total[producer] for producer, _ in graph.in_edges[instance])
    return total[len(graph) - 1]


def assert_spans_agree(case: Case, real: Timeline, simulated: Timeline) -> None:
    """No wait is shorter than it was asked to be, what lies apart keeps its order, and the same values move."""
    virtual = {span.task: span for span in simulated.spans}
    actual = {span.task: span for span in real.spans}
    for task, seconds in case.seconds.items():
        assert virtual[task].exec_s == pytest.approx(seconds, abs=0.001)
        assert actual[task].exec_s >= seconds
        assert actual[task].local_inputs == virtual[task].local_inputs
        assert {one.slot for one in actual[task].inputs} == {one.slot for one in virtual[task].inputs}
        assert [one.is_stored for one in actual[task].outputs] == [one.is_stored for one in virtual[task].outputs]
    for task, one in virtual.items():
        for later, other in virtual.items():
            if other.started_at - one.started_at >= GAP_S:
                assert actual[task].started_at < actual[later].started_at
    assert real.makespan_s >= simulated.makespan_s - GAP_S
