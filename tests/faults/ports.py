"""The ports of one process under faults: what it asks of the store may be struck before, between and after its steps.

A lost reply is repeated by the caller, as the connection to Redis does; what was done stays done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from runtime.calls.calling import Outgoing, patience_s
from runtime.exchange import Ports
from runtime.ports import Answer, Begin, Commit, Status

if TYPE_CHECKING:
    from tests.faults.world import World


class Crash(Exception):
    """The process is killed here."""


class ReplyLost(Exception):
    """The store did what was asked, and the answer did not come: the same is to be asked again."""


class FaultyCoordinator:
    """A worker's coordinator: `commit` and `begin` may lose their replies, or lose their process on the way."""

    def __init__(self, world: World) -> None:
        self._inner = world.store.client()
        self._chance = world.chance
        self._wrote = world.wrote
        self._referee = world.referee
        self._lease_s = world.scenario.settings.lease_s

    def begin(self, worker: str, token: str, called_at: float) -> Begin:
        begin = self._inner.begin(worker, token, called_at)
        if begin.status is Status.GO:
            self._referee.begins(worker, token, begin.now, begin.now + self._lease_s)
        self._heard()
        return begin

    def commit(self, commit: Commit) -> Answer:
        if self._chance.strikes("crash"):
            raise Crash
        answer = self._inner.commit(commit)
        if answer.status is Status.OK:
            self._referee.believed(commit.worker, commit.token)
            self._referee.holds(commit.worker, commit.token, 0.0 if answer.left else answer.now + self._lease_s)
        try:
            self._heard()
        except ReplyLost:
            self._referee.owes(commit, answer)
            raise
        self._referee.hears(commit, answer)
        return answer

    def _heard(self) -> None:
        self._wrote()
        if self._chance.strikes("crash"):
            raise Crash
        if self._chance.strikes("lose_reply"):
            raise ReplyLost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def faulty_ports(
    world: World, send: Callable[[Outgoing], None], later: Callable[[float, Callable[[], None]], None]
) -> Ports:
    """The ports of one worker's process; `send` queues an invocation, `later` does something if the process lives."""
    store, chance = world.store, world.chance

    def take(one: Outgoing) -> None:
        send(one)
        one.accepted()

    def invoke(outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            if chance.strikes("crash"):
                raise Crash
            if random := chance.strikes("throttle"):
                if random.random() < 0.5:
                    later(random.uniform(0.01, patience_s(world.scenario.settings)), partial(take, one))
            else:
                take(one)

    coordinator = FaultyCoordinator(world)
    return Ports(coordinator=coordinator, values=store.values, signals=store.signals, invoke=invoke)  # type: ignore[arg-type]
