"""Tasks that are not idempotent: stored before anything follows, written before they run, not repeated on a guess."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.machine import outbox
from runtime.pages import decode_subdag, encode_subdag
from runtime.plan import Retry, Task
from runtime.ports import Answer, Attempt, Begin, Failure, Mode, Status, Store, Tried, Withdraw
from runtime.worker import Worker
from tests.worker.graphs import bundle_of

CHAIN = {"pay": [], "tell": ["pay"], "end": ["tell"]}
NEVER = Retry(max=0)


def worker_of(inputs: dict[str, list[str]], once: str, retry: Retry = NEVER, **fields: object) -> Worker:
    """The pinned worker `p`, which holds every task."""
    bundle = bundle_of(inputs, "simple", pins=dict.fromkeys(inputs, "p"), **fields)  # type: ignore[arg-type]
    tasks = dict(decode_subdag(bundle.subdag("p")).tasks)
    tasks[once] = replace(tasks[once], is_idempotent=False, retry=retry)
    return Worker(worker="p", token="t", env=tasks[once].env, settings=WorkerSettings(), tasks=tasks)


def begin(worker: Worker, *todo: str, attempts: dict[str, Tried] | None = None) -> list[ev.Effect]:
    answer = Begin(status=Status.GO, todo=dict.fromkeys(todo, -1), attempts=attempts)
    return worker.step(ev.Begun(answer), 0.0)


def accept(worker: Worker) -> list[ev.Effect]:
    return worker.step(ev.Committed(Answer(status=Status.OK)), 0.0)


def items(effects: list[ev.Effect]) -> list[object]:
    return [item for effect in effects if isinstance(effect, ev.SendCommit) for item in effect.commit.items]


def runs(effects: list[ev.Effect]) -> list[str]:
    return [effect.task for effect in effects if isinstance(effect, ev.RunTask)]


def ran(worker: Worker, task: str) -> list[ev.Effect]:
    return [*worker.step(ev.Executed(task), 0.0), *worker.step(ev.Sealed(task), 0.0)]


def test_it_is_written_before_it_runs() -> None:
    worker = worker_of(CHAIN, "pay")
    effects = begin(worker, "pay")
    assert items(effects) == [Attempt(task="pay", number=1)]
    assert runs(effects) == []
    assert runs(accept(worker)) == ["pay"]


def test_nothing_follows_before_its_result_is_stored_and_answered() -> None:
    worker = worker_of(CHAIN, "pay")
    begin(worker, "pay")
    accept(worker)
    effects = ran(worker, "pay")
    assert [item.slot for item in items(effects) if isinstance(item, Store)] == ["pay"]
    assert runs(effects) == []
    assert runs(accept(worker)) == ["tell"]


def test_values_of_all_its_outputs_go_in_one_commit_however_many_arrivals_they_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "ARRIVALS_PER_COMMIT", 2)
    readers = {f"r{n}": ["pay.x"] for n in range(5)}
    worker = worker_of({"pay": [], **readers, "s": ["pay.y"]}, "pay", outputs={"pay": ("x", "y")})
    begin(worker, "pay")
    accept(worker)
    (send,) = [effect for effect in ran(worker, "pay") if isinstance(effect, ev.SendCommit)]
    assert send.fill == {"pay.x", "pay.y"}
    told = {"pay.x": 0, "pay.y": 0}
    while True:
        for item in send.commit.items:
            if isinstance(item, Store) and item.task == "pay":
                told[item.slot] += len(item.arrivals)
        following = [effect for effect in accept(worker) if isinstance(effect, ev.SendCommit)]
        if not following:
            break
        (send,) = following
        assert not send.fill
    assert told == {"pay.x": 5, "pay.y": 1}


def test_a_death_in_its_attempt_is_told_and_not_repeated() -> None:
    worker = worker_of(CHAIN, "pay")
    effects = begin(worker, "pay", attempts={"pay": Tried(number=1, is_open=True)})
    (failure,) = items(effects)
    assert isinstance(failure, Failure)
    record = json.loads(failure.record)
    assert "attempt 1 of pay began and stored no result" in record["message"]
    assert "on: [Killed]" in record["hint"]


@pytest.mark.parametrize("on", [(), ("Killed",)])
def test_a_written_retry_repeats_it_after_a_death(on: tuple[str, ...]) -> None:
    worker = worker_of(CHAIN, "pay", Retry(max=1, kills_only=False, on=on))
    (attempt,) = items(begin(worker, "pay", attempts={"pay": Tried(number=1, is_open=True)}))
    assert isinstance(attempt, Attempt) and attempt.error


def test_a_retry_for_other_failures_does_not_repeat_it_after_a_death() -> None:
    worker = worker_of(CHAIN, "pay", Retry(max=5, kills_only=False, on=("OSError",)))
    (failure,) = items(begin(worker, "pay", attempts={"pay": Tried(number=1, is_open=True)}))
    assert isinstance(failure, Failure)


def test_an_attempt_that_was_written_and_has_no_time_left_is_taken_back() -> None:
    worker = worker_of(CHAIN, "pay")
    begin(worker, "pay")
    worker.step(ev.TimeNearlyUp(), 0.0)
    (send,) = [effect for effect in accept(worker) if isinstance(effect, ev.SendCommit)]
    assert send.commit.mode is Mode.HANDOVER
    assert send.commit.items == (Withdraw(task="pay", number=1),)


def test_records_tell_it() -> None:
    bundle = bundle_of(CHAIN, "simple", pins=dict.fromkeys(CHAIN, "p"))
    tasks = dict(decode_subdag(bundle.subdag("p")).tasks)
    tasks["pay"] = replace(tasks["pay"], is_idempotent=False)

    def told(task: Task) -> tuple[bool, bool]:
        return task.is_idempotent, task.is_target

    decoded = decode_subdag(encode_subdag(tasks.values())).tasks
    assert {name: told(task) for name, task in decoded.items()} == {name: told(task) for name, task in tasks.items()}


def test_an_output_stored_before_the_others_is_not_dropped_before_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "ARRIVALS_PER_COMMIT", 1)
    inputs = {"pay": [], "a": ["pay.x"], "b": ["pay.x"], "c": ["pay.y"], "d": ["pay.y"]}
    bundle = bundle_of(inputs, "wukong", outputs={"pay": ("x", "y")})
    tasks = dict(decode_subdag(bundle.page(0)).tasks)
    tasks["pay"] = replace(tasks["pay"], is_idempotent=False, retry=NEVER)
    worker = Worker(worker="~pay", token="t", env=tasks["pay"].env, settings=WorkerSettings(), tasks=tasks, pages={0})
    worker.step(ev.Begun(Begin(status=Status.GO, todo={"pay": 0})), 0.0)
    accept(worker)
    ran(worker, "pay")
    accept(worker)
    granted = worker.step(ev.Committed(Answer(status=Status.OK, todo={"pay": 0, "a": 0})), 0.0)
    assert ev.Fetch(("pay.x",)) in granted
    assert runs(worker.step(ev.Fetched(("pay.x",), ()), 0.0)) == ["a"]
    assert not any(isinstance(effect, ev.Drop) for effect in ran(worker, "a"))
