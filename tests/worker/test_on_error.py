"""A task that has failed for good and may: what stands for its outputs goes with its record, and does not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.failures import brief_record, error_record
from runtime.pages import decode_subdag
from runtime.plan import OnError
from runtime.ports import Answer, Begin, Failure, Status, Store, Tried
from runtime.worker import Worker
from tests.worker.graphs import bundle_of

SKIP = OnError(action="skip")
RECORD = error_record(task="a", attempt=1, worker="p", kind="Busy", message="no", on_error="skip")
FAILED = ev.Failed("a", RECORD, brief_record("Busy", "no"), ("Busy",))


@pytest.fixture
def step() -> Callable[[ev.Event], list[ev.Effect]]:
    """A worker that holds the chain a -> b, both on it, where `a` may fail."""
    bundle = bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "p", "b": "p"})
    tasks = dict(decode_subdag(bundle.subdag("p")).tasks)
    tasks["a"] = replace(tasks["a"], on_error=SKIP)
    worker = Worker(worker="p", token="t", env=tasks["a"].env, settings=WorkerSettings(), tasks=tasks)
    return lambda event: worker.step(event, 0.0)


def begun(**fields: object) -> ev.Begun:
    return ev.Begun(Begin(status=Status.GO, todo={"a": -1}, **fields))  # type: ignore[arg-type]


def test_the_record_goes_in_the_commit_that_stores_what_stands_for_the_output(
    step: Callable[[ev.Event], list[ev.Effect]],
) -> None:
    assert ev.RunTask("a", 1) in step(begun())
    assert step(FAILED) == [ev.Substitute("a", RECORD)]
    assert step(ev.Executed("a")) == [ev.Seal("a", 2, ("a",))]
    effects = step(ev.Sealed("a"))
    (sent,) = [effect for effect in effects if isinstance(effect, ev.SendCommit)]
    assert [type(item) for item in sent.commit.items] == [Store, Failure]
    assert sent.commit.items[-1] == Failure(task="a", record=RECORD, slot="a")
    assert ev.RunTask("b", 1) in effects


def test_a_result_of_such_a_task_is_stored_though_only_this_worker_needs_it(
    step: Callable[[ev.Event], list[ev.Effect]],
) -> None:
    step(begun())
    assert step(ev.Executed("a")) == [ev.Seal("a", 1, ("a",))]


def test_death_is_a_failure_that_may_pass_too(step: Callable[[ev.Event], list[ev.Effect]]) -> None:
    effects = step(begun(attempts={"a": Tried(number=3, is_open=True)}, tries=2))
    (stands,) = [effect for effect in effects if isinstance(effect, ev.Substitute)]
    assert '"type": "Killed"' in stands.record and '"on_error": "skip"' in stands.record
    assert not any(isinstance(effect, ev.RunTask) for effect in effects)


def test_nobody_leaves_while_a_substitute_is_on_its_way(step: Callable[[ev.Event], list[ev.Effect]]) -> None:
    step(begun())
    step(FAILED)
    assert step(ev.Renewed(Answer(status=Status.OK))) == []
