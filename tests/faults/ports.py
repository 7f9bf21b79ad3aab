"""The ports of one process under faults: what it asks of the store may be struck before, between and after its steps.

A lost reply is repeated by the caller, as the connection to Redis does; what was done stays done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runtime.errors import Throttled
from runtime.exchange import Ports
from runtime.ports import Answer, Begin, Call, Commit, Coordinator
from tests.faults.chance import Chance
from tests.faults.stores import Store


class Crash(Exception):
    """The process is killed here."""


class ReplyLost(Exception):
    """The store did what was asked, and the answer did not come: the same is to be asked again."""


class FaultyCoordinator:
    """A worker's coordinator: `commit` and `begin` may lose their replies, or lose their process on the way."""

    def __init__(self, inner: Coordinator, chance: Chance, wrote: Callable[[], None]) -> None:
        self._inner = inner
        self._chance = chance
        self._wrote = wrote

    def begin(self, worker: str, token: str, called_at: float) -> Begin:
        begin = self._inner.begin(worker, token, called_at)
        self._heard()
        return begin

    def commit(self, commit: Commit) -> Answer:
        if self._chance.strikes("crash"):
            raise Crash
        answer = self._inner.commit(commit)
        self._heard()
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
    store: Store,
    chance: Chance,
    send: Callable[[Call, Mapping[str, bytes]], None],
    wrote: Callable[[], None],
) -> Ports:
    """The ports of one worker's process; `send` queues an invocation, `wrote` is told of each write."""

    def invoke(call: Call, values: Mapping[str, bytes]) -> None:
        if chance.strikes("crash"):
            raise Crash
        if chance.strikes("throttle"):
            raise Throttled("the concurrency limit is reached")
        send(call, values)

    coordinator = FaultyCoordinator(store.client(), chance, wrote)
    return Ports(coordinator=coordinator, values=store.values, signals=store.signals, invoke=invoke)  # type: ignore[arg-type]
