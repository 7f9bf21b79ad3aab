"""A wide fan-out over the store: whom the committer invokes, what those forward, and what is left to the watch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from runtime import events as ev
from runtime.backends.memory import MemoryBackend
from runtime.calls.calling import Outgoing
from runtime.config import WorkerSettings
from runtime.exchange import Exchange, Ports
from runtime.plan import EnvClass
from runtime.ports import Arrival, Call, Commit, RebuildPart, Store, WorkerRow
from runtime.values.envelope import Signer
from runtime.values.trust import Trust
from runtime.worker import Worker

ENV = EnvClass(memory_mb=1769)
SETTINGS = WorkerSettings(fan_out=100)
TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")


class Fleet:
    """One run in memory; `sent` is what its exchanges have invoked, `heard` what they were told of it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.backend = MemoryBackend(SETTINGS, lambda: self.now)
        self.sent: list[Outgoing] = []
        self.heard: list[ev.Event] = []
        coordinator = self.backend.coordinator
        coordinator.rebuild_start()
        coordinator.rebuild_part(RebuildPart(arrived={}, grants={"p": {"a": -1}}, done=()))
        coordinator.rebuild_end([WorkerRow(worker="p", env=ENV, subdag="", has_todo=True)])

    def exchange(self, worker: str, inside: dict[str, bytes]) -> Exchange:
        backend = self.backend
        ports = Ports(
            coordinator=backend.coordinator, values=backend.values, signals=backend.signals, invoke=self._invoke
        )
        machine = Worker(worker=worker, token=worker, env=ENV, settings=SETTINGS, tasks={})
        backend.coordinator.begin(worker, worker, self.now)
        return Exchange(machine, ports, TRUST, inside, self.heard.append)

    def _invoke(self, outgoing: Sequence[Outgoing]) -> None:
        self.sent.extend(outgoing)
        for one in outgoing:
            one.accepted()

    def fan_out(self, width: int) -> list[Outgoing]:
        """`p` stores `a`, on which as many tasks wait, each of a worker to be called."""
        exchange = self.exchange("p", {})
        exchange.keep({"a": "value"})
        exchange.seal("a", ["a"])
        names = [f"t[{n}]" for n in range(width)]
        arrivals = tuple(
            Arrival(consumer=name, worker=f"~{name}", flexible=True, env=ENV, need=1, page=0) for name in names
        )
        item = Store(task="a", slot="a", value=None, arrivals=arrivals)
        exchange.perform(ev.SendCommit(Commit(worker="p", token="p", seq=1, env=ENV, items=(item,)), frozenset({"a"})))
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_a_wide_commit_invokes_its_root_and_hands_on_the_rest(fleet: Fleet) -> None:
    sent = fleet.fan_out(100)
    assert len(sent) == 10
    reached = {call.worker for one in sent for call in (one.call, *one.forward)}
    assert reached == {f"~t[{n}]" for n in range(100)}
    assert all(set(one.values) == {"a"} for one in sent)
    assert [type(event) for event in fleet.heard] == [ev.Invoked] * 10


def test_a_leader_sends_on_what_it_was_given_with_its_own_inputs(fleet: Fleet) -> None:
    leader = fleet.fan_out(100)[0]
    exchange = fleet.exchange(leader.call.worker, dict(leader.values))
    fleet.heard.clear()
    exchange.forward(leader.forward, fleet.now)
    assert [one.call for one in fleet.sent] == list(leader.forward)
    assert all(one.values == leader.values and not one.forward for one in fleet.sent)
    assert fleet.heard == [ev.Invoked(call.worker, call.called_at) for call in leader.forward]


def test_what_a_leader_sends_on_is_not_called_again_by_the_watch(fleet: Fleet) -> None:
    leader = fleet.fan_out(100)[0]
    exchange = fleet.exchange(leader.call.worker, dict(leader.values))
    exchange.forward(leader.forward, fleet.now)
    for event in fleet.heard:
        assert isinstance(event, ev.Invoked)
        fleet.backend.coordinator.confirm(event.worker, event.called_at)
    fleet.now += SETTINGS.call_limit_s
    again = {call.worker for call in fleet.backend.coordinator.watch(1_000)}
    assert again.isdisjoint(call.worker for call in leader.forward)


def test_a_leader_that_begins_late_leaves_its_calls_to_the_watch(fleet: Fleet) -> None:
    leader = fleet.fan_out(100)[0]
    fleet.now += 0.6 * SETTINGS.call_limit_s
    exchange = fleet.exchange(leader.call.worker, dict(leader.values))
    exchange.forward(leader.forward, fleet.now)
    assert fleet.sent == []
    fleet.now += 0.4 * SETTINGS.call_limit_s
    again: set[str] = {call.worker for call in watched(fleet)}
    assert again >= {call.worker for call in leader.forward}


def watched(fleet: Fleet) -> tuple[Call, ...]:
    return fleet.backend.coordinator.watch(1_000)
