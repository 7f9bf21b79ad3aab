"""The timeline of real runs: one makespan, recomputed from spans; every attempt has its row, however it ended."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.emit.closure import archive, shipped_members
from runtime.backends.memory import MemoryBackend
from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.inline import run_inline
from runtime.measures.spans import TaskSpan
from runtime.timeline import Timeline, gather
from tests.integration.running import CONCURRENCY, DEPLOYMENT, PLANNERS, Bench, compile_at, write_workflow

GRID = """
tasks:
  leaf: {call: functions:leaf, foreach: {i: "${{ range(12) }}"}, args: ["${{ i }}"]}
  pair:
    call: functions:pair
    foreach: {i: "${{ range(6) }}"}
    args: ["${{ tasks.leaf[i * 2] }}", "${{ tasks.leaf[i * 2 + 1] }}"]
  both: {call: functions:both, args: ["${{ tasks.pair }}"], outputs: [small, large]}
  end: {call: functions:end, args: ["${{ tasks.both.small }}", "${{ tasks.both.large }}"]}
result: ${{ tasks.end }}
"""
FUNCTIONS = """
import time


def leaf(i):
    time.sleep(0.002)
    return i


def pair(one, other):
    return one + other


def both(pairs):
    return {"small": sum(pairs), "large": bytes(200_000)}


def end(small, large):
    return small + len(large)


def fails(one):
    raise ValueError("no")


def twice(one, folder):
    import pathlib
    mark = pathlib.Path(folder, "mark")
    if not mark.exists():
        mark.touch()
        raise ValueError("once")
    return 1


def closure():
    return (n for n in range(3))


def total(*terms):
    return sum(term or 0 for term in terms)
"""
RESULT = 66 + 200_000


def last_commit(timeline: Timeline) -> float:
    return max(span.committed_at for span in timeline.spans)


def check(timeline: Timeline | None, makespan_s: float, tasks: int) -> Timeline:
    """What holds for the timeline of any run in which nothing failed."""
    assert timeline is not None and not timeline.problems
    assert timeline.makespan_s == makespan_s > 0
    assert abs(last_commit(timeline) - timeline.invoked_at - makespan_s) < 2e-6
    assert len({span.task for span in timeline.spans}) == len(timeline.spans) == tasks
    for one in timeline.invocations:
        start = one.start_up
        slack = start.clock_error_s + 0.002
        assert one.is_complete and 0 < start.clock_error_s < 1
        assert timeline.invoked_at - slack <= start.invoke_time <= start.start_time + slack
        assert start.peak_memory_mb > 1 and start.exponent == 0.0
        for span in one.spans:
            assert start.start_time - slack <= span.started_at
            assert span.started_at + span.exec_s <= start.ended_at + slack
            if span.committed_at:
                assert span.started_at + span.exec_s <= span.committed_at + slack
                assert span.committed_at <= start.ended_at + slack
        ran_s = sum(span.exec_s + sum(output.serialize_s for output in span.outputs) for span in one.spans)
        known_s = start.begin_s + start.idle_s + start.errand_s + start.code_load_s + ran_s
        assert known_s <= start.ended_at - start.start_time + slack
    return timeline


@pytest.mark.parametrize("planner", PLANNERS)
def test_the_makespan_is_what_its_spans_say(planner: str, bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GRID, FUNCTIONS), planner, workers=3)
    result = bench.run(build)
    assert result.result == RESULT
    timeline = check(result.timeline, result.makespan_s, tasks=20)
    assert (timeline.run, timeline.workflow, timeline.planner) == (result.run, "test", planner)
    assert Counter(one.start_up.state for one in timeline.invocations) == Counter(
        cold=result.cold_starts, warm=result.warm_starts
    )
    inputs = {"leaf": 0, "pair": 2, "both": 6, "end": 2}
    for span in timeline.spans:
        assert len(span.inputs) + span.local_inputs == inputs[span.task.partition("[")[0]]
    (both,) = (span for span in timeline.spans if span.task == "both")
    small, large = both.outputs
    assert (small.name, large.name) == ("small", "large") and large.bytes >= 200_000
    assert not bench.left_keys()


def test_an_inline_run_has_the_same_timeline(tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GRID, FUNCTIONS), "simple")
    result = run_inline(build.loaded, WorkerSettings())
    assert result.result == RESULT
    timeline = check(result.timeline, result.makespan_s, tasks=20)
    assert len(timeline.invocations) == 1 and timeline.sla == "average"


def test_a_timeline_tells_for_what_its_run_was_planned(tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GRID.replace("tasks:", "sla: p95\ntasks:", 1), FUNCTIONS), "simple")
    timeline = run_inline(build.loaded, WorkerSettings()).timeline
    assert timeline is not None and timeline.sla == "p95"


def spans_left(bench: Bench, run: str) -> tuple[TaskSpan, ...]:
    """Those of a failed run, whose keys stay."""
    found = gather(bench.client.lrange(f"treadle:{DEPLOYMENT}:{{{run}}}:spans", 0, -1))
    assert not found.problems and all(one.is_complete for one in found.invocations)
    return tuple(span for one in found.invocations for span in one.spans)


@pytest.mark.parametrize("planner", PLANNERS)
def test_attempts_that_failed_and_tasks_that_were_skipped_have_spans(
    planner: str, bench: Bench, tmp_path: Path
) -> None:
    body = """
tasks:
  a: {call: functions:leaf, args: [0]}
  b: {call: functions:twice, args: ["${{ tasks.a }}", "%s"], retry: {max: 1, on: [ValueError]}}
  c: {call: functions:leaf, args: ["${{ tasks.b }}"], when: "${{ tasks.a == 7 }}"}
  d: {call: functions:fails, args: ["${{ tasks.a }}"], on_error: skip}
  e: {call: functions:total, args: ["${{ tasks.c }}", "${{ tasks.d }}", "${{ tasks.b }}"]}
result: ${{ tasks.e }}
"""
    build = compile_at(write_workflow(tmp_path, body % tmp_path, FUNCTIONS), planner)
    result = bench.run(build)
    assert result.result == 1 and result.timeline is not None
    rows = {(span.task, span.attempt): span.outcome for span in result.timeline.spans}
    assert rows == {
        ("a", 1): "done",
        ("b", 1): "failed",
        ("b", 2): "done",
        ("c", 1): "skipped",
        ("d", 1): "failed",
        ("e", 1): "done",
    }


@pytest.mark.parametrize("function", ["fails", "closure"])
def test_the_attempt_that_fails_a_run_has_a_span(function: str, bench: Bench, tmp_path: Path) -> None:
    args = '["${{ tasks.a }}"]' if function == "fails" else "[]"
    body = f"""
tasks:
  a: {{call: functions:leaf, args: [0]}}
  b: {{call: functions:{function}, args: {args}}}
  c: {{call: functions:total, args: ["${{{{ tasks.a }}}}", "${{{{ tasks.b }}}}"]}}
result: ${{{{ tasks.c }}}}
"""
    build = compile_at(write_workflow(tmp_path, body, FUNCTIONS), "wukong")
    with pytest.raises(RunFailed):
        bench.run(build)
    (run,) = (key.decode().split("{")[1].split("}")[0] for key in bench.client.scan_iter("*}:meta", count=1000))
    outcomes = {span.task: span.outcome for span in spans_left(bench, run)}
    assert outcomes.get("b") == "failed" and outcomes.get("a", "done") == "done"
    for key in bench.client.scan_iter(f"treadle:{DEPLOYMENT}:{{{run}*", count=1000):
        bench.client.delete(key)


def test_small_commits_of_many_workers_fit_one_timeline(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, GRID, FUNCTIONS), "wukong")
    settings = replace(WorkerSettings(fan_out=CONCURRENCY), metrics_upload="task")
    result = bench.run(build, settings)
    check(result.timeline, result.makespan_s, tasks=20)


SKEWED = b"""
import os
import time

_true = time.time
time.time = lambda: _true() + 100.0 * (1 + os.getpid() % 7)
"""


def test_machines_whose_clocks_are_minutes_off_fit_one_timeline(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = shipped_members()
    skewed = archive({**members, "runtime/__init__.py": members["runtime/__init__.py"] + SKEWED})
    monkeypatch.setattr("compiler.emit.bundle.shipped_closure", lambda: skewed)
    build = compile_at(write_workflow(tmp_path, GRID, FUNCTIONS), "simple", workers=3)
    result = bench.run(build)
    timeline = check(result.timeline, result.makespan_s, tasks=20)
    offsets = [one.start_up.clock_offset_s for one in timeline.invocations]
    assert all(-701 < offset < -99 for offset in offsets)
    assert all(abs(offset / 100 - round(offset / 100)) < 0.01 for offset in offsets)


def test_a_store_whose_clock_is_off_sets_the_time_of_an_inline_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runtime.inline.MemoryBackend", lambda settings: MemoryBackend(settings, lambda: time.time() - 300)
    )
    build = compile_at(write_workflow(tmp_path, GRID, FUNCTIONS), "simple")
    result = run_inline(build.loaded, WorkerSettings())
    timeline = check(result.timeline, result.makespan_s, tasks=20)
    (one,) = timeline.invocations
    assert one.start_up.clock_offset_s == pytest.approx(-300, abs=1)
