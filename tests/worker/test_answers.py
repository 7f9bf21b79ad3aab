"""Answers of the store that come late, or in another order than they were given."""

from __future__ import annotations

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.pages import decode_subdag
from runtime.ports import Answer, Begin, Status
from runtime.worker import Worker
from tests.worker.graphs import bundle_of


def make_worker(inputs: dict[str, list[str]], pins: dict[str, str]) -> Worker:
    bundle = bundle_of(inputs, "simple", pins=pins)
    tasks = decode_subdag(bundle.subdag("p")).tasks
    env = next(iter(tasks.values())).env
    return Worker(worker="p", token="t", env=env, settings=WorkerSettings(), tasks=tasks)


def begin(worker: Worker, *todo: str) -> list[ev.Effect]:
    return worker.step(ev.Begun(Begin(status=Status.GO, todo=dict.fromkeys(todo, -1))), 0.0)


def ok(*todo: str) -> Answer:
    return Answer(status=Status.OK, todo=dict.fromkeys(todo, -1))


def test_an_old_answer_does_not_bring_back_grants_that_are_settled() -> None:
    worker = make_worker({"a": [], "b": ["x"], "c": ["x"], "x": []}, {"a": "p", "b": "p", "c": "p", "x": "q"})
    begin(worker, "a")
    worker.step(ev.Executed("a"), 0.0)
    worker.step(ev.Sealed("a"), 0.0)
    worker.step(ev.Committed(ok()), 0.0)
    worker.step(ev.Renewed(ok("a")), 0.0)
    assert worker.grants == {}


def test_a_renewal_that_was_answered_while_a_commit_is_in_flight_brings_its_new_grants() -> None:
    worker = make_worker({"a": [], "b": ["x"], "x": []}, {"a": "p", "b": "p", "x": "q"})
    begin(worker, "a")
    worker.step(ev.Executed("a"), 0.0)
    worker.step(ev.Sealed("a"), 0.0)
    effects = worker.step(ev.Renewed(ok("a", "b")), 0.0)
    assert ev.Fetch(("x",)) in effects


def test_a_look_that_came_before_the_grant_is_repeated_and_no_value_is_reported_lost() -> None:
    worker = make_worker({"a": [], "x": [], "b": ["a", "x"], "far": ["a"]}, {"a": "p", "b": "p", "x": "q", "far": "q"})
    begin(worker, "a")
    worker.step(ev.Executed("a"), 0.0)
    looks = worker.step(ev.Sealed("a"), 0.0)
    assert ev.Fetch(("x",)) in looks
    worker.step(ev.Committed(ok("b")), 0.0)
    again = worker.step(ev.Fetched((), ("x",)), 0.0)
    assert ev.Fetch(("x",)) in again
    lost = worker.step(ev.Fetched((), ("x",)), 0.0)
    assert ev.ReportLost("x") in lost


def test_a_worker_whose_last_outputs_take_several_commits_leaves_with_the_last() -> None:
    names = [f"t{n}" for n in range(2_000)]
    worker = make_worker({name: [] for name in names}, dict.fromkeys(names, "p"))
    waiting = list(begin(worker, *names))
    commits: list[ev.SendCommit] = []
    while waiting:
        effect = waiting.pop(0)
        match effect:
            case ev.RunTask(name):
                waiting += worker.step(ev.Executed(name), 0.0)
            case ev.Seal(name):
                waiting += worker.step(ev.Sealed(name), 0.0)
            case ev.SendCommit():
                commits.append(effect)
        if not waiting and commits and not worker.has_left:
            left = commits[-1].commit.mode.value == "leave"
            waiting += worker.step(ev.Committed(Answer(status=Status.OK, todo={} if left else None, left=left)), 0.0)
    assert [commit.commit.mode.value for commit in commits][-2:] == ["none", "leave"]
    assert sum(len(commit.commit.items) for commit in commits) == len(names)


def test_a_leave_refused_for_a_task_that_is_settled_here_tells_that_the_store_forgot_its_output() -> None:
    worker = make_worker({"a": [], "far": ["a"]}, {"a": "p", "far": "q"})
    begin(worker, "a")
    worker.step(ev.Executed("a"), 0.0)
    worker.step(ev.Sealed("a"), 0.0)
    effects = worker.step(ev.Committed(ok("a")), 0.0)
    assert ev.ReportLost("a") in effects
    assert worker.has_left


def test_when_all_that_a_task_lacks_lies_in_the_store_its_worker_looks_for_the_grant() -> None:
    """Hints bring small values alone: nobody else says that the last one came after a large one."""
    graph = {"a": [], "x": [], "y": [], "z": [], "b": ["x", "y", "z"]}
    worker = make_worker(graph, {"a": "p", "b": "p", "x": "q", "y": "q", "z": "q"})
    begin(worker, "a")
    worker.step(ev.Hinted((), ("x",)), 0.0)
    worker.step(ev.Renewed(ok()), 0.0)
    assert ev.Fetch(("x", "z")) in worker.step(ev.Hinted(("y",)), 0.0)
    worker.step(ev.Fetched((), ("x", "z")), 0.0)
    assert ev.Renew() in worker.step(ev.Hinted((), ("z",)), 0.0)
    assert ev.Fetch(("x", "z")) in worker.step(ev.Renewed(ok("b")), 0.0)


def test_the_last_small_value_after_a_large_one_is_a_reason_to_look() -> None:
    graph = {"a": [], "x": [], "y": [], "z": [], "b": ["x", "y", "z"]}
    worker = make_worker(graph, {"a": "p", "b": "p", "x": "q", "y": "q", "z": "q"})
    begin(worker, "a")
    worker.step(ev.Hinted((), ("x",)), 0.0)
    worker.step(ev.Renewed(ok()), 0.0)
    assert ev.Renew() not in worker.step(ev.Hinted(("y",)), 0.0)
    worker.step(ev.Fetched((), ("x", "z")), 0.0)
    assert ev.Renew() in worker.step(ev.Hinted(("z",)), 0.0)


def test_a_look_that_a_hint_overtakes_is_repeated() -> None:
    worker = make_worker({"a": [], "x": [], "y": [], "b": ["x", "y"]}, {"a": "p", "b": "p", "x": "q", "y": "q"})
    begin(worker, "a")
    assert ev.Renew() in worker.step(ev.Hinted((), ("x",)), 0.0)
    assert ev.Renew() not in worker.step(ev.Hinted((), ("y",)), 0.0)
    assert ev.Renew() in worker.step(ev.Renewed(ok()), 0.0)
    assert ev.Renew() not in worker.step(ev.Renewed(ok("b")), 0.0)
