"""Rule 11: who loses with a large value deletes it, and nobody deletes a value that is committed."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest

from runtime import events as ev
from runtime.backends.memory import MemoryBackend
from runtime.config import WorkerSettings
from runtime.exchange import Exchange, Ports
from runtime.plan import EnvClass
from runtime.ports import Answer, Commit, RebuildPart, Reference, Status, Store, WorkerRow
from runtime.values.envelope import Signer
from runtime.values.reading import read_stored
from runtime.values.trust import Trust
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


def sealed_commit(exchange: Exchange, change: Callable[[], None] = lambda: None) -> ev.SendCommit:
    """The commit of the output of `a`; `change` is what happens between sealing and sending."""
    exchange.seal("a", ["a"])
    change()
    worker = exchange.worker.worker
    items = (Store(task="a", slot="a", value=None),)
    return ev.SendCommit(Commit(worker=worker, token=worker, seq=1, env=ENV, items=items), frozenset({"a"}))


def commit(exchange: Exchange) -> Answer:
    (heard,) = exchange.perform(sealed_commit(exchange))
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


def test_what_a_failed_run_keeps_twice_is_kept(backend: MemoryBackend) -> None:
    """The value is committed and still in memory when another task fails: to keep it again takes nothing away."""
    worker = exchange(backend, "w0", "kept")
    commit(worker)
    backend.coordinator.fail("w0", "w0", "another task failed")
    worker.perform(ev.Salvage((Store(task="a", slot="a", value=None),)))
    assert large_keys(backend) == [committed(backend)]


def test_a_value_put_after_the_end_of_the_run_goes(backend: MemoryBackend) -> None:
    late = exchange(backend, "w0", "late")
    backend.coordinator.finish()
    assert commit(late).status is Status.ENDED
    assert backend.state.is_empty()


def test_a_very_large_array_is_put_before_another_task_can_change_it(
    backend: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.exchange.ISOLATED_BYTES", 0)
    worker = exchange(backend, "w0", "")
    check_that_later_changes_do_not_count(worker, backend)


def test_a_very_large_array_whose_commit_never_comes_goes_with_its_incarnation(
    backend: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.exchange.ISOLATED_BYTES", 0)
    worker = exchange(backend, "w0", "")
    worker.keep({"a": np.ones(500_000)})
    worker.seal("a", ["a"])
    assert len(large_keys(backend)) == 1
    worker.abandon()
    assert large_keys(backend) == []


def test_an_array_that_waits_for_its_commit_is_a_copy(backend: MemoryBackend) -> None:
    check_that_later_changes_do_not_count(exchange(backend, "w0", ""), backend)


def check_that_later_changes_do_not_count(worker: Exchange, backend: MemoryBackend) -> None:
    array = np.ones(500_000)
    worker.keep({"a": array})
    effect = sealed_commit(worker, change=lambda: array.fill(7.0))
    worker.perform(effect)
    packed = read_stored(backend.values, worker.trust, "a", Reference(key=committed(backend)))
    assert packed is not None and np.array_equal(packed.unpack(), np.ones(500_000))  # type: ignore[arg-type]


def test_the_lease_is_renewed_while_a_large_value_travels(backend: MemoryBackend) -> None:
    worker = exchange(backend, "w0", "")
    worker.worker.settings = WorkerSettings(store_value_bytes=1, renew_s=1e-9)
    worker.keep({"a": bytes(20_000_000)})
    renewals: list[int] = []
    commit_of = backend.coordinator.commit

    def counting(commit: Commit) -> Answer:
        renewals.append(commit.seq)
        return commit_of(commit)

    with patch.object(backend.coordinator, "commit", counting):
        worker.perform(sealed_commit(worker))
    assert renewals == [-1, -1, -1, 1]
