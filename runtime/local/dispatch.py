"""Who runs what: pools of environments, the concurrency limit, the asynchronous queue, eviction and expiry.

Pure decisions over environments that a factory makes; it does no I/O and reads the clock it is given.

- An invocation goes to the most recently used idle environment of its function, else a new one is made for it.
- At the account's limit, the longest idle environment of another function makes place; else a synchronous
  invocation is refused (429) and an asynchronous one waits.
- With a request rate, what exceeds it is refused (429) before anything else is looked at, of either kind.
- An asynchronous event waits in its function's queue, first in, first out. A function that has no environment
  at all gets the next one that becomes free, when its event is the oldest: no function starves.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from runtime.calls.pacing import TokenBucket
from runtime.local.functions import FunctionConfig, throttled
from runtime.local.invocation import Invocation, Outcome, failure
from runtime.local.states import State

if TYPE_CHECKING:
    from runtime.local.environments import Environment

RESOLUTION_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The account's bounds; times in seconds. `retries` is MaximumRetryAttempts where a function says nothing.

    `request_rate` is in requests a second, None for no bound; `request_burst` may come at once.
    """

    concurrency: int
    request_rate: float | None = None
    request_burst: int = 10
    idle_expiry_s: float = 300.0
    retries: int = 0
    retry_delay_s: float = 1.0


class Timer(Protocol):
    """The part of an event loop that is needed here."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> object: ...


@dataclass(slots=True, kw_only=True)
class Counts:
    invocations: int = 0
    cold_starts: int = 0
    warm_starts: int = 0
    errors: int = 0
    throttles: int = 0
    retries: int = 0


@dataclass(slots=True, kw_only=True)
class Pool:
    """The environments and the waiting invocations of one function."""

    config: FunctionConfig
    reserved: int | None = None
    retries: int | None = None
    is_deleted: bool = False
    urgent: deque[Invocation] = field(default_factory=deque)
    queued: deque[Invocation] = field(default_factory=deque)
    environments: set[Environment] = field(default_factory=set)
    idle: list[Environment] = field(default_factory=list)
    starting: set[Environment] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)

    @property
    def waiting(self) -> int:
        return len(self.urgent) + len(self.queued)

    def oldest(self) -> float:
        """Since when the longest waiting invocation waits; only for a pool that has one."""
        return min(queue[0].queued_at for queue in (self.urgent, self.queued) if queue)

    def take(self) -> Invocation:
        """Synchronous callers first: they were promised a place."""
        return self.urgent.popleft() if self.urgent else self.queued.popleft()


MakeEnvironment = Callable[[FunctionConfig, str, "Dispatcher"], "Environment"]


class Dispatcher:
    """Owner of all environments."""

    def __init__(self, *, limits: Limits, timer: Timer, make: MakeEnvironment) -> None:
        self.limits = limits
        self.pools: dict[str, Pool] = {}
        self.peak = 0
        self._timer = timer
        self._make = make
        self._pools: dict[Environment, Pool] = {}
        self._retrying = 0
        self._leaving: set[Environment] = set()
        self._blocked: dict[str, Pool] = {}
        self._numbers = itertools.count(1)
        self._is_sweeping = False
        self._is_closed = False
        rate = limits.request_rate
        self._bucket = TokenBucket(rate=rate, burst=limits.request_burst, now=timer.time()) if rate else None

    # -- what the Invoke API calls -----------------------------------------------------------------------------

    def configure(self, config: FunctionConfig, *, reserved: int | None, retries: int | None) -> None:
        """A function is new or has changed: environments of its former configuration take no more invocations."""
        pool = self.pools.setdefault(config.name, Pool(config=config))
        pool.config, pool.reserved, pool.retries = config, reserved, retries
        for environment in [idle for idle in pool.idle if self._is_stale(pool, idle)]:
            environment.retire()
        self._pump(pool)

    def remove(self, name: str) -> None:
        """A function is deleted: idle environments end now, busy ones after their invocation; its queue is dropped."""
        pool = self.pools.pop(name)
        pool.is_deleted = True
        self._blocked.pop(name, None)
        for invocation in [*pool.urgent, *pool.queued]:
            invocation.done(failure("ResourceNotFoundException", f"Function not found: {name}"))
        pool.urgent.clear()
        pool.queued.clear()
        for environment in [one for one in pool.environments if one.state is not State.BUSY]:
            environment.retire()

    def invoke(self, invocation: Invocation) -> None:
        """Accept an invocation. Raises ApiError (429) over the request rate, or for want of a place for a caller."""
        pool = self.pools[invocation.function]
        if wait := self._bucket.take(self._timer.time()) if self._bucket is not None else 0.0:
            pool.counts.throttles += 1
            raise throttled("CallerRateLimitExceeded", wait)
        if invocation.is_async:
            pool.queued.append(invocation)
        elif self._has_place(pool):
            pool.urgent.append(invocation)
        else:
            pool.counts.throttles += 1
            raise throttled("ConcurrentInvocationLimitExceeded")
        self._pump(pool)

    @property
    def queue_depth(self) -> int:
        return self._retrying + sum(pool.waiting for pool in self.pools.values())

    @property
    def environments(self) -> list[Environment]:
        return list(self._pools)

    @property
    def is_busy(self) -> bool:
        """Something is invoked, or waits to be."""
        return self.queue_depth > 0 or any(len(pool.environments) > len(pool.idle) for pool in self.pools.values())

    @property
    def is_quiet(self) -> bool:
        """No process of an environment is left."""
        return not self._leaving and not self._pools

    def close(self) -> None:
        self._is_closed = True
        for environment in self.environments:
            environment.retire()

    # -- what environments tell --------------------------------------------------------------------------------

    def on_free(self, environment: Environment) -> None:
        pool = self._pools[environment]
        pool.starting.discard(environment)
        if self._is_stale(pool, environment) or self._is_closed:
            environment.retire()
            return
        starved = self._starved(pool)
        pool.idle.append(environment)
        if starved is not None:
            environment.retire()
            return
        self._pump(pool)
        if pool.idle:
            self._pump_blocked()
            self._arm_sweep()

    def on_done(self, environment: Environment, invocation: Invocation, outcome: Outcome) -> None:
        pool = self._pools[environment]
        pool.counts.invocations += 1
        if environment.invocations == 1:
            pool.counts.cold_starts += 1
        else:
            pool.counts.warm_starts += 1
        self._settle(pool, invocation, outcome)

    def on_ended(self, environment: Environment, undelivered: Invocation | None, init_failure: Outcome | None) -> None:
        pool = self._pools.pop(environment)
        pool.environments.discard(environment)
        pool.starting.discard(environment)
        if environment in pool.idle:
            pool.idle.remove(environment)
        self._leaving.add(environment)
        if init_failure is not None and pool.waiting:
            invocation = pool.take()
            invocation.attempts += 1
            self._settle(pool, invocation, init_failure)
        if undelivered is not None:
            (pool.queued if undelivered.is_async else pool.urgent).appendleft(undelivered)
        self._mark(pool)
        self._pump_blocked()

    def on_gone(self, environment: Environment) -> None:
        self._leaving.discard(environment)

    # -- decisions ---------------------------------------------------------------------------------------------

    def _settle(self, pool: Pool, invocation: Invocation, outcome: Outcome) -> None:
        if outcome.is_error:
            pool.counts.errors += 1
        bound = self.limits.retries if pool.retries is None else pool.retries
        if invocation.is_async and outcome.is_error and invocation.attempts <= bound and not pool.is_deleted:
            pool.counts.retries += 1
            self._retrying += 1
            self._timer.call_later(self.limits.retry_delay_s, self._requeue, invocation)
        else:
            invocation.done(outcome)

    def _requeue(self, invocation: Invocation) -> None:
        self._retrying -= 1
        pool = self.pools.get(invocation.function)
        if pool is not None and not self._is_closed:
            invocation.queued_at = self._timer.time()
            pool.queued.append(invocation)
            self._pump(pool)

    def _pump(self, pool: Pool) -> None:
        """Give waiting invocations to idle environments, and make environments for the rest while there is place."""
        while pool.waiting and pool.idle:
            pool.idle.pop().deliver(pool.take())
        while pool.waiting > len(pool.starting) and self._make_place(pool):
            self._start(pool)
        self._mark(pool)

    def _mark(self, pool: Pool) -> None:
        """Remember whether invocations wait for a place that there is not."""
        if pool.is_deleted:
            return
        if pool.waiting > len(pool.starting):
            self._blocked[pool.config.name] = pool
        else:
            self._blocked.pop(pool.config.name, None)

    def _pump_blocked(self) -> None:
        """A place is free: the function whose event waits longest comes first."""
        for pool in sorted(self._blocked.values(), key=Pool.oldest):
            self._pump(pool)

    def _start(self, pool: Pool) -> None:
        identity = f"{next(self._numbers):06d}"
        environment = self._make(pool.config, identity, self)
        self._pools[environment] = pool
        pool.environments.add(environment)
        pool.starting.add(environment)
        self.peak = max(self.peak, len(self._pools))

    def _has_place(self, pool: Pool) -> bool:
        if pool.idle or len(pool.starting) > pool.waiting:
            return True
        return self._is_within_reserve(pool) and (
            len(self._pools) < self.limits.concurrency or self._evictable(pool) is not None
        )

    def _make_place(self, pool: Pool) -> bool:
        if self._is_closed or not self._is_within_reserve(pool):
            return False
        if len(self._pools) < self.limits.concurrency:
            return True
        victim = self._evictable(pool)
        if victim is None:
            return False
        self._pools[victim].idle.remove(victim)
        victim.retire()
        return len(self._pools) < self.limits.concurrency

    def _is_within_reserve(self, pool: Pool) -> bool:
        return pool.reserved is None or len(pool.environments) < pool.reserved

    def _evictable(self, pool: Pool) -> Environment | None:
        """The longest idle environment of another function."""
        idle = [one for other in self.pools.values() if other is not pool for one in other.idle]
        return min(idle, key=lambda one: one.idle_since, default=None)

    def _starved(self, pool: Pool) -> Pool | None:
        """A function without any environment whose event is older than all that waits for `pool`."""
        if not self._blocked or len(self._pools) < self.limits.concurrency:
            return None
        starved = [
            other
            for other in self._blocked.values()
            if other is not pool and not other.environments and self._is_within_reserve(other)
        ]
        oldest = min(starved, key=Pool.oldest, default=None)
        if oldest is not None and pool.waiting and pool.oldest() <= oldest.oldest():
            return None
        return oldest

    def _is_stale(self, pool: Pool, environment: Environment) -> bool:
        return pool.is_deleted or environment.config.revision != pool.config.revision

    # -- expiry ------------------------------------------------------------------------------------------------

    def _arm_sweep(self) -> None:
        if not self._is_sweeping:
            self._is_sweeping = True
            self._timer.call_later(self.limits.idle_expiry_s, self._sweep)

    def _sweep(self) -> None:
        """End what has been idle for too long, and look again when the next one is due."""
        self._is_sweeping = False
        due = self._timer.time() - self.limits.idle_expiry_s + RESOLUTION_S
        idle = [one for pool in self.pools.values() for one in pool.idle]
        for environment in idle:
            if environment.idle_since <= due:
                environment.retire()
        left = [one.idle_since for one in idle if one.idle_since > due]
        if left:
            self._is_sweeping = True
            self._timer.call_later(min(left) - due + RESOLUTION_S, self._sweep)
