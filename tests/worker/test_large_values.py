"""Rule 11: who loses with a large value deletes it, and nobody deletes a value that is committed."""

from __future__ import annotations

import pytest

from runtime import events as ev
from runtime.backends.memory import MemoryBackend
from runtime.config import WorkerSettings
from runtime.envelope import Signer
from runtime.exchange import Exchange, Ports
from runtime.plan import EnvClass
from runtime.ports import Answer, Commit, RebuildPart, Reference, Status, Store, WorkerRow
from runtime.trust import Trust
from runtime.worker import Worker

ENV = EnvClass(memory_mb=1769)
SETTINGS = WorkerSettings(store_value_bytes=1)


@pytest.fixture
def backend() -> MemoryBackend:
    made = MemoryBackend(SETTINGS)
    made.coordinator.rebuild_start()
    made.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}, "w1": {"a": -1}}, done=()))
    made.coordinator.rebuild_end([WorkerRow(worker=name, env=ENV, subdag="", has_todo=True) for name in ("w0", "w1")])
    return made


def exchange(backend: MemoryBackend, worker: str, value: str) -> Exchange:
    """One that has begun and has the output of `a` to commit; its token is its worker's name."""
    machine = Worker(worker=worker, token=worker, env=ENV, settings=SETTINGS, tasks={})
    ports = Ports(
        coordinator=backend.coordinator, values=backend.values, signals=backend.signals, invoke=lambda *_: None
    )
    made = Exchange(machine, ports, Trust(signer=Signer(b"k" * 32), deployment="test", run="run"), {}, lambda _: None)
    backend.coordinator.begin(worker, worker, 0.0)
    made.keep({"a": value})
    return made


def commit(exchange: Exchange) -> Answer:
    exchange.seal(["a"])
    worker = exchange.worker.worker
    items = (Store(task="a", slot="a", value=None),)
    effect = ev.SendCommit(Commit(worker=worker, token=worker, seq=1, env=ENV, items=items), frozenset({"a"}))
    (heard,) = exchange.perform(effect)
    assert isinstance(heard, ev.Committed)
    return heard.answer


def large_keys(backend: MemoryBackend) -> list[str]:
    return list(backend.state.large)


def committed(backend: MemoryBackend) -> str:
    (found,) = backend.values.fetch(["a"])
    assert isinstance(found, Reference)
    return found.key


def test_a_loser_deletes_its_own_value_and_keeps_the_winners(backend: MemoryBackend) -> None:
    first, second = exchange(backend, "w0", "first"), exchange(backend, "w1", "second")
    commit(first)
    answer = commit(second)
    assert answer.winners == {"a": Reference(key=committed(backend))}
    assert large_keys(backend) == [committed(backend)]


def test_a_zombie_deletes_what_it_put(backend: MemoryBackend) -> None:
    zombie = exchange(backend, "w0", "late")
    assert backend.state.workers is not None
    backend.state.workers["w0"].token = "another"
    assert commit(zombie).status is Status.FENCED
    assert large_keys(backend) == []


def test_a_zombie_whose_first_sending_was_accepted_deletes_nothing(backend: MemoryBackend) -> None:
    zombie = exchange(backend, "w0", "in time")
    commit(zombie)
    assert backend.state.workers is not None
    backend.state.workers["w0"].token = "another"
    assert commit(zombie).status is Status.FENCED
    assert large_keys(backend) == [committed(backend)]


def test_a_value_put_after_the_end_of_the_run_goes(backend: MemoryBackend) -> None:
    late = exchange(backend, "w0", "late")
    backend.coordinator.finish()
    assert commit(late).status is Status.ENDED
    assert backend.state.is_empty()
