"""The critical path of simulated and of made-up timelines: through tasks and workers, and whole."""

from __future__ import annotations

import pytest

from compiler.planner.assembly import assemble
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import middle_run
from compiler.planner.problem import Problem
from compiler.planner.strategies import STRATEGIES
from runtime.critical_path import CriticalPath, critical_path
from runtime.measures.spans import InputSpan, OutputSpan, TaskSpan
from runtime.moments import Part
from runtime.timeline import InvocationSpans, Timeline
from tests.factories import make_graph, make_tree
from tests.timelines import invocation, span, start_up, timeline


def follows_on(path: CriticalPath, timeline: Timeline) -> None:
    """Step after step from the begin to the last output."""
    assert path.steps[0].start == timeline.invoked_at
    assert path.steps[-1].end == timeline.last_commit
    assert all(one.end == after.start for one, after in zip(path.steps, path.steps[1:], strict=False))
    assert sum(path.seconds.values()) == pytest.approx(timeline.makespan_s)


def made(start: dict[str, float], *spans: TaskSpan, worker: str = "w0") -> InvocationSpans:
    return invocation(start_up(worker=worker, incarnation=worker, ended_at=99.0, **start), *spans)


def run_until(last: float, *invocations: InvocationSpans) -> Timeline:
    return timeline(*invocations, invoked_at=10.0, last_commit=last)


@pytest.mark.parametrize("planner", ["simple", "wukong", "uniform"])
def test_steps_add_up_to_the_makespan_whoever_planned(planner):
    graph = make_tree(16)
    problem = Problem(graph=graph, options=PlanOptions(concurrency=3))
    found = middle_run(problem, STRATEGIES[planner](problem)).timeline
    path = critical_path(found, graph.producer_names())
    follows_on(path, found)
    assert path.tasks[-1][0] == "add[4][0]"
    assert Part.EXECUTION in path.seconds
    assert {Part.START_UP_COLD, Part.START_UP_WARM} & path.seconds.keys(), "who waits for an environment finds it warm"


def test_a_task_that_waits_for_its_worker_has_the_task_before_it_on_the_path():
    graph = make_graph("a->z b->z c->z")
    problem = Problem(graph=graph)
    plan = assemble(problem, "mine", [0] * len(graph), {}, [""] * len(graph))
    found = middle_run(problem, plan).timeline
    path = critical_path(found, graph.producer_names())
    follows_on(path, found)
    assert sorted(task for task, _ in path.tasks) == ["a", "b", "c", "z"]


def test_the_producer_that_came_last_is_on_the_path_and_its_way_here_is_a_transfer():
    first = made({"invoke_time": 10.0, "start_time": 11.0}, span("a", 11.0, 2.0, commit_s=0.5, committed_at=13.5))
    other = made(
        {"invoke_time": 10.0, "start_time": 10.5},
        span("b", 10.5, 1.0),
        span("c", 14.0, 1.0, commit_s=0.5, committed_at=15.5, inputs=(InputSpan(slot="a", bytes=9, source="hint"),)),
        worker="w1",
    )
    run = run_until(15.5, first, other)
    path = critical_path(run, {"c": ["a", "b"]})
    follows_on(path, run)
    assert path.tasks == (("a", "w0"), ("c", "w1"))
    assert path.seconds == pytest.approx(
        {Part.START_UP_COLD: 1.0, Part.EXECUTION: 3.0, Part.COORDINATION: 1.0, Part.INPUT_WAIT: 0.5}
    )


def test_who_called_a_worker_is_on_the_path_before_its_start():
    first = made({"invoke_time": 10.0, "start_time": 11.0}, span("a", 11.0, 2.0, commit_s=0.5, committed_at=13.5))
    called = made(
        {"invoke_time": 13.6, "start_time": 14.6}, span("b", 14.6, 1.0, commit_s=0.5, committed_at=16.1), worker="w1"
    )
    run = run_until(16.1, first, called)
    path = critical_path(run, {"b": ["a"]})
    follows_on(path, run)
    assert path.seconds[Part.START_UP_COLD] == pytest.approx(2.0)
    assert [task for task, _ in path.tasks] == ["a", "b"]


def test_a_wait_for_an_environment_is_on_the_path_between_the_call_and_the_start():
    first = made({"invoke_time": 10.0, "start_time": 11.0}, span("a", 11.0, 2.0, commit_s=0.5, committed_at=13.5))
    called = made(
        {"invoke_time": 13.5, "start_time": 17.5, "queue_s": 3.0},
        span("b", 17.5, 1.0, commit_s=0.5, committed_at=19.0),
        worker="w1",
    )
    run = run_until(19.0, first, called)
    path = critical_path(run, {"b": ["a"]})
    follows_on(path, run)
    assert path.seconds == {
        Part.START_UP_COLD: 2.0,
        Part.EXECUTION: 3.0,
        Part.COORDINATION: 1.0,
        Part.QUEUE: 3.0,
    }


def test_clocks_that_disagree_and_lost_records_leave_a_whole_path():
    """A value that came after its consumer began, and a producer of which nobody knows anything."""
    first = made({"invoke_time": 10.0, "start_time": 11.0}, span("a", 11.0, 3.0, committed_at=14.5))
    other = made(
        {"invoke_time": 10.0, "start_time": 10.5}, span("c", 14.2, 1.0, commit_s=0.5, committed_at=15.7), worker="w1"
    )
    run = run_until(15.7, first, other)
    follows_on(critical_path(run, {"c": ["a", "lost"]}), run)
    alone = run_until(15.7, other)
    follows_on(critical_path(alone, {"c": ["lost"]}), alone)


def test_a_run_that_stored_nothing_has_no_path():
    assert critical_path(run_until(0.0), {}).steps == ()


def test_an_output_that_was_stored_before_the_last_of_its_task_called_its_consumer():
    """`a` has two outputs: the first called w1 at 13.6, the span tells of the commit of the second, at 20."""
    outputs = (OutputSpan(name="x", bytes=1, is_stored=True), OutputSpan(name="y", bytes=1, is_stored=True))
    first = made(
        {"invoke_time": 10.0, "start_time": 11.0},
        span("a", 11.0, 2.0, commit_s=7.0, committed_at=20.0, outputs=outputs),
    )
    called = made(
        {"invoke_time": 13.6, "start_time": 14.6}, span("b", 14.6, 8.0, commit_s=0.5, committed_at=23.1), worker="w1"
    )
    run = run_until(23.1, first, called)
    path = critical_path(run, {"b": ["a"]})
    follows_on(path, run)
    assert [task for task, _ in path.tasks] == ["a", "b"]
    assert path.seconds[Part.START_UP_COLD] == pytest.approx(2.0)
