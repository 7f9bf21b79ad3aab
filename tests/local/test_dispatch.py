"""The dispatcher's decisions, over environments and a clock that are made of nothing."""

from __future__ import annotations

import heapq
from pathlib import Path

import pytest

from runtime.local.dispatch import Dispatcher, Limits
from runtime.local.functions import ApiError, FunctionConfig
from runtime.local.invocation import Invocation, Outcome, failure
from runtime.local.states import State

FINE = Outcome(body=b"fine")
BAD = failure("E", "bad")


class Clock:
    """Virtual time."""

    def __init__(self) -> None:
        self.now = 100.0
        self._due: list = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay, callback, *args):
        heapq.heappush(self._due, (self.now + delay, len(self._due), callback, args))

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, callback, args = heapq.heappop(self._due)
            callback(*args)
        self.now = until


class FakeEnvironment:
    """An environment whose process the test plays."""

    def __init__(self, config, identity, owner, clock) -> None:
        self.config, self.identity = config, identity
        self.state = State.STARTING
        self.invocations = 0
        self.idle_since = 0.0
        self.busy_with: Invocation | None = None
        self._owner, self._clock = owner, clock

    def deliver(self, invocation) -> None:
        assert self.state is State.IDLE
        self.state, self.busy_with = State.BUSY, invocation
        self.invocations += 1
        invocation.attempts += 1

    def ready(self) -> None:
        self.state, self.idle_since = State.IDLE, self._clock.time()
        self._owner.on_free(self)

    def finish(self, outcome=FINE) -> None:
        invocation, self.busy_with = self.busy_with, None
        self._owner.on_done(self, invocation, outcome)
        self.ready()

    def die(self, *, init_failure=None, undelivered=None) -> None:
        self.state = State.ENDED
        self._owner.on_ended(self, undelivered, init_failure)
        self._owner.on_gone(self)

    def retire(self) -> None:
        self.die()


class World:
    def __init__(self, **limits) -> None:
        self.clock = Clock()
        self.made: list[FakeEnvironment] = []
        self.outcomes: list[tuple[bytes, bytes]] = []
        self.dispatcher = Dispatcher(limits=Limits(**{"concurrency": 2, **limits}), timer=self.clock, make=self._make)

    def _make(self, config, identity, owner):
        self.made.append(FakeEnvironment(config, identity, owner, self.clock))
        return self.made[-1]

    def function(self, name="f", revision="1", **options):
        config = FunctionConfig(
            name=name,
            handler="a.b",
            runtime="",
            role="",
            code_sha256="",
            code_bytes=0,
            code=Path("/"),
            revision=revision,
        )
        self.dispatcher.configure(config, **{"reserved": None, "retries": None, **options})

    def invoke(self, body=b"1", name="f", *, is_async=True) -> Invocation:
        self.clock.now += 0.001
        invocation = Invocation(
            function=name,
            arn="",
            body=body,
            is_async=is_async,
            done=lambda outcome: self.outcomes.append((body, outcome.body)),
            queued_at=self.clock.time(),
        )
        self.dispatcher.invoke(invocation)
        return invocation

    @property
    def live(self) -> list[FakeEnvironment]:
        return [one for one in self.made if one.state is not State.ENDED]


def test_an_invocation_without_an_idle_environment_makes_one():
    world = World()
    world.function()
    world.invoke(b"a")
    (environment,) = world.made
    environment.ready()
    assert environment.busy_with.body == b"a"
    environment.finish()
    assert world.outcomes == [(b"a", b"fine")]


def test_the_most_recently_used_environment_is_reused():
    world = World()
    world.function()
    world.invoke()
    world.invoke()
    first, second = world.made
    first.ready()
    second.ready()
    second.finish()
    first.finish()
    world.invoke()
    assert first.busy_with is not None
    assert second.busy_with is None


def test_an_environment_that_becomes_free_first_takes_what_waits():
    world = World(concurrency=3)
    world.function()
    world.invoke(b"a")
    world.made[0].ready()
    world.invoke(b"b")
    world.made[0].finish()
    assert world.made[0].busy_with.body == b"b"
    world.made[1].ready()
    assert world.made[1].busy_with is None


def test_at_the_limit_asynchronous_events_wait_in_order_and_synchronous_ones_are_refused():
    world = World(concurrency=1)
    world.function()
    for body in (b"a", b"b", b"c"):
        world.invoke(body)
    (environment,) = world.made
    environment.ready()
    with pytest.raises(ApiError) as refused:
        world.invoke(b"sync", is_async=False)
    assert (refused.value.status, refused.value.kind) == (429, "TooManyRequestsException")
    assert world.dispatcher.queue_depth == 2
    for _ in range(3):
        environment.finish()
    assert [body for body, _ in world.outcomes] == [b"a", b"b", b"c"]


def test_a_synchronous_invocation_that_was_accepted_goes_before_the_queue():
    world = World(concurrency=2)
    world.function()
    world.invoke(b"a")
    world.made[0].ready()
    world.invoke(b"sync", is_async=False)
    world.invoke(b"b")
    world.made[0].finish()
    assert world.made[0].busy_with.body == b"sync"


def test_the_longest_idle_environment_of_another_function_makes_place():
    world = World(concurrency=2)
    world.function("f")
    world.function("g")
    world.invoke()
    world.invoke()
    for environment in world.made:
        environment.ready()
    world.made[0].finish()
    world.clock.advance(1)
    world.made[1].finish()
    world.invoke(name="g", is_async=False)
    assert world.made[0].state is State.ENDED
    assert world.made[1].state is State.IDLE
    assert len(world.live) == 2


def test_a_function_without_environments_gets_the_next_place_when_its_event_is_the_oldest():
    world = World(concurrency=1)
    world.function("f")
    world.function("g")
    world.invoke(b"1")
    world.made[0].ready()
    world.invoke(b"g", name="g")
    world.invoke(b"2")
    world.made[0].finish()
    assert world.made[0].state is State.ENDED
    world.made[1].ready()
    assert world.made[1].busy_with.body == b"g"
    world.made[1].finish()
    world.made[2].ready()
    assert world.made[2].busy_with.body == b"2"


def test_idle_environments_expire_each_in_its_time():
    world = World(idle_expiry_s=300)
    world.function()
    world.invoke()
    world.invoke()
    for environment in world.made:
        environment.ready()
    world.made[0].finish()
    world.clock.advance(200)
    world.made[1].finish()
    world.clock.advance(101)
    assert [one.state for one in world.made] == [State.ENDED, State.IDLE]
    world.clock.advance(200)
    assert not world.live
    assert world.dispatcher.is_quiet


def test_an_environment_that_is_used_does_not_expire():
    world = World(idle_expiry_s=300)
    world.function()
    world.invoke()
    world.made[0].ready()
    world.made[0].finish()
    for _ in range(5):
        world.clock.advance(299)
        world.invoke()
        world.made[0].finish()
    assert len(world.made) == 1


def test_a_failed_event_is_repeated_after_a_delay_as_often_as_its_function_says():
    world = World(retry_delay_s=60)
    world.function(retries=2)
    world.invoke(b"a")
    world.made[0].ready()
    for _ in range(2):
        world.made[0].finish(BAD)
        assert (world.outcomes, world.dispatcher.queue_depth) == ([], 1)
        world.clock.advance(60)
    world.made[0].finish(BAD)
    assert [body for body, _ in world.outcomes] == [b"a"]
    assert world.dispatcher.pools["f"].counts.retries == 2


def test_a_failed_synchronous_invocation_is_never_repeated():
    world = World(retries=2)
    world.function()
    world.invoke(b"a", is_async=False)
    world.made[0].ready()
    world.made[0].finish(BAD)
    assert len(world.outcomes) == 1


def test_a_failed_initialisation_fails_one_invocation_and_the_next_gets_a_new_environment():
    world = World(concurrency=1)
    world.function()
    world.invoke(b"a")
    world.invoke(b"b")
    world.made[0].die(init_failure=BAD)
    assert [body for body, _ in world.outcomes] == [b"a"]
    world.made[1].ready()
    assert world.made[1].busy_with.body == b"b"


def test_the_last_failed_initialisation_leaves_a_dispatcher_that_works():
    world = World(concurrency=1)
    world.function("f")
    world.function("g")
    world.invoke(b"a")
    world.invoke(b"g", name="g")
    world.made[0].die(init_failure=BAD)
    assert [one.config.name for one in world.live] == ["g"]


def test_an_invocation_that_its_environment_never_saw_is_given_to_another():
    world = World()
    world.function()
    lost = world.invoke(b"a")
    world.made[0].ready()
    world.made[0].busy_with = None
    world.made[0].die(undelivered=lost)
    world.made[1].ready()
    assert world.made[1].busy_with is lost


def test_environments_of_a_former_revision_take_no_more_invocations():
    world = World()
    world.function()
    world.invoke()
    world.invoke()
    for environment in world.made:
        environment.ready()
    world.made[0].finish()
    world.function(revision="2")
    assert world.made[0].state is State.ENDED
    world.made[1].finish()
    assert world.made[1].state is State.ENDED
    world.invoke()
    assert world.live[0].config.revision == "2"


def test_reserved_concurrency_bounds_a_function_below_the_account():
    world = World(concurrency=5)
    world.function(reserved=1)
    world.invoke()
    world.invoke()
    assert len(world.made) == 1
    with pytest.raises(ApiError):
        world.invoke(is_async=False)
    world.function(reserved=None)
    assert len(world.made) == 2


def test_a_deleted_functions_queue_is_told_and_its_place_is_free():
    world = World(concurrency=1)
    world.function("f")
    world.function("g")
    world.invoke(b"a")
    world.made[0].ready()
    world.invoke(b"b")
    world.invoke(b"g", name="g")
    world.dispatcher.remove("f")
    assert [body for body, _ in world.outcomes] == [b"b"]
    world.made[0].finish()
    assert [one.config.name for one in world.live] == ["g"]


def test_closing_ends_all_environments_and_makes_no_more():
    world = World()
    world.function()
    for _ in range(5):
        world.invoke()
    world.made[0].ready()
    world.dispatcher.close()
    assert not world.live
    assert world.dispatcher.is_quiet
    assert len(world.made) == 2


def test_requests_beyond_the_burst_come_at_the_rate():
    world = World(request_rate=10.0, request_burst=3)
    world.function()
    for _ in range(3):
        world.invoke()
    with pytest.raises(ApiError) as refused:
        world.invoke()
    assert (refused.value.status, refused.value.reason) == (429, "CallerRateLimitExceeded")
    assert 0 < refused.value.retry_after_s <= 0.1
    world.clock.advance(refused.value.retry_after_s)
    world.invoke()
    assert world.dispatcher.queue_depth == 4
    assert world.dispatcher.pools["f"].counts.throttles == 1
