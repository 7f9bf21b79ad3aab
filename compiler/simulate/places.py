"""Environments in virtual time, for the dispatcher of the local Lambda service: warm pools, limits and queues are its.

An event is given to an environment that is ready. While a new one starts, one that becomes free may take the event for
which it was made, as it may in the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from compiler.simulate.virtual_time import VirtualTime
from runtime.local.functions import FunctionConfig
from runtime.local.invocation import Invocation, Outcome
from runtime.local.states import State
from runtime.plan import EnvClass

RETURNED = Outcome(body=b"null")


class Owner(Protocol):
    """The dispatcher, as an environment tells it things."""

    def on_free(self, environment: Place) -> None: ...

    def on_done(self, environment: Place, invocation: Invocation, outcome: Outcome) -> None: ...

    def on_ended(self, environment: Place, undelivered: Invocation | None, init_failure: Outcome | None) -> None: ...

    def on_gone(self, environment: Place) -> None: ...


class Place:
    """One environment. `start` calls back when its process is ready; `loaded` are the modules that it has imported,
    `queue_s` is what its latest event waited for it."""

    def __init__(
        self,
        config: FunctionConfig,
        owner: Owner,
        time: VirtualTime,
        serve: Callable[[Place, Invocation], None],
        *,
        number: int,
        start: Callable[[Callable[[], None]], None],
        loaded: Iterable[str] = (),
    ) -> None:
        self.number = number
        self.made_at = time.now
        self.queue_s = 0.0
        self.config = config
        self.state = State.STARTING
        self.invocations = 0
        self.idle_since = 0.0
        self.loaded = set(loaded)
        self._owner = owner
        self._time = time
        self._serve = serve
        self._current: Invocation | None = None
        start(self._free)

    @property
    def is_cold(self) -> bool:
        """It serves its first event."""
        return self.invocations == 1

    def deliver(self, invocation: Invocation) -> None:
        self.state, self._current = State.BUSY, invocation
        made_at = self.made_at if not self.invocations else None
        self.queue_s = invocation.queue_s(given_at=self._time.now, made_at=made_at)
        self.invocations += 1
        invocation.attempts += 1
        self._serve(self, invocation)

    def returned(self) -> None:
        """The handler is done."""
        assert self._current is not None, "it serves an event"
        invocation, self._current = self._current, None
        self._owner.on_done(self, invocation, RETURNED)
        self._free()

    def retire(self) -> None:
        """End it: idle, or unused."""
        if self.state is not State.ENDED:
            self.state = State.ENDED
            self._owner.on_ended(self, None, None)
            self._owner.on_gone(self)

    def _free(self) -> None:
        if self.state is not State.ENDED:
            self.state, self.idle_since = State.IDLE, self._time.now
            self._owner.on_free(self)


def function_of(env: EnvClass) -> FunctionConfig:
    """The Lambda function of a class."""
    return FunctionConfig(
        name=env.name,
        handler="simulated",
        runtime=f"python{env.python}",
        role="",
        code_sha256="",
        code_bytes=0,
        code=Path(),
        memory_mb=env.memory_mb,
        revision=env.name,
        modified=0.0,
    )
