"""A worker with a task whose family has a gate: it runs where it is granted, and asks again after a long wait."""

from __future__ import annotations

from dataclasses import replace

from runtime import events as ev
from runtime.config import WorkerSettings
from runtime.pages import decode_subdag
from runtime.plan import Gate, Retry
from runtime.ports import Answer, Attempt, Begin, Release, Status, Store
from runtime.worker import Worker
from tests.worker.graphs import bundle_of

GATE = Gate("g", 1)
INPUTS = {"a": [], "f": ["a"], "h": ["f"]}


def worker_of() -> Worker:
    """The pinned worker `p`, which holds all; `f` has the gate, and is repeated after a wait of 60 s."""
    bundle = bundle_of(INPUTS, "simple", pins=dict.fromkeys(INPUTS, "p"), gates={"f": GATE})
    tasks = dict(decode_subdag(bundle.subdag("p")).tasks)
    tasks["f"] = replace(tasks["f"], retry=Retry(max=3, kills_only=False, delay_s=60.0))
    return Worker(worker="p", token="t", env=tasks["f"].env, settings=WorkerSettings(), tasks=tasks)


def begin(worker: Worker, *todo: str) -> list[ev.Effect]:
    return worker.step(ev.Begun(Begin(status=Status.GO, todo=dict.fromkeys(todo, -1))), 0.0)


def ran(worker: Worker, task: str) -> list[ev.Effect]:
    return [*worker.step(ev.Executed(task), 0.0), *worker.step(ev.Sealed(task), 0.0)]


def accept(worker: Worker, *todo: str, seq: int = 0, queued: tuple[str, ...] = ()) -> list[ev.Effect]:
    answer = Answer(status=Status.OK, todo=dict.fromkeys(todo, -1), seq=seq, queued=queued)
    return worker.step(ev.Committed(answer), 0.0)


def runs(effects: list[ev.Effect]) -> list[str]:
    return [effect.task for effect in effects if isinstance(effect, ev.RunTask)]


def items(effects: list[ev.Effect]) -> list[object]:
    return [item for effect in effects if isinstance(effect, ev.SendCommit) for item in effect.commit.items]


def failing(worker: Worker) -> Attempt:
    """`f` is let in and fails; what the worker writes of it."""
    begin(worker, "f")
    worker.step(ev.Fetched(("a",), ()), 0.0)
    (item,) = items(worker.step(ev.Failed("f", "{}", "{}", ("OSError",)), 0.0))
    assert isinstance(item, Attempt)
    return item


def test_it_does_not_run_from_memory_and_is_stored_for() -> None:
    worker = worker_of()
    begin(worker, "a")
    effects = ran(worker, "a")
    (store,) = [item for item in items(effects) if isinstance(item, Store)]
    assert [arrival.gate for arrival in store.arrivals] == [GATE]
    assert runs(effects) == runs(accept(worker)) == []


def test_it_runs_once_it_is_granted_and_gives_its_place_back_with_its_output() -> None:
    worker = worker_of()
    begin(worker, "a")
    ran(worker, "a")
    assert runs(accept(worker, "f")) == ["f"]
    assert Release(task="f", gate=GATE) in items(ran(worker, "f"))


def test_a_long_wait_gives_the_place_back_and_the_next_attempt_asks_for_one() -> None:
    worker = worker_of()
    attempt = failing(worker)
    assert (attempt.gate, attempt.delay_s) == (GATE, 60.0)
    accept(worker, "f", seq=1)
    announced = items(worker.step(ev.TimerFired("retry:f"), 60.0))
    assert announced == [Attempt(task="f", number=2, gate=GATE)]


def test_without_a_place_it_waits_until_it_is_let_in_whatever_older_answers_say() -> None:
    worker = worker_of()
    failing(worker)
    accept(worker, "f", seq=1)
    worker.step(ev.TimerFired("retry:f"), 60.0)
    assert runs(accept(worker, seq=3, queued=("f",))) == []
    assert runs(worker.step(ev.Renewed(Answer(status=Status.OK, todo={"f": -1}, seq=2)), 60.0)) == []
    assert worker.grants == {}
    let_in = worker.step(ev.Renewed(Answer(status=Status.OK, todo={"f": -1}, seq=3)), 60.0)
    assert worker.grants == {"f": -1}
    assert Attempt(task="f", number=2, gate=GATE) in items(let_in)
