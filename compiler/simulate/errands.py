"""What an incarnation does with the store and Lambda, in virtual time: commits, fetches, pages, renewals, calls.

Which hand does an errand, and when, is the business of `compiler.simulate.incarnation`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from compiler.simulate.exchange import VirtualExchange
from compiler.simulate.link import Link, Then
from compiler.simulate.notes import Notes
from runtime import events as ev
from runtime.calls.calling import in_a_tree
from runtime.ports import Answer, Call, Commit, Item, Reference, Store
from runtime.worker import Worker

if TYPE_CHECKING:
    from compiler.simulate.world import World

HEADS_PER_TRIP = 16
"""Large values that are asked for together, as `runtime.backends.redis_large` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One invocation on its way. `values` are the slots that travel in its payload, `forward` the calls that it is to
    send on; `from_launcher`: its records travel inside.
    """

    call: Call
    sent_at: float
    values: frozenset[str] = frozenset()
    forward: tuple[Call, ...] = ()
    from_launcher: bool = False


class Errands:
    """Those of one incarnation. `feed` tells its machine what came of one; nothing after it is over. Each waits for
    `hold_s()` before it begins its trip, for the interpreter that user code keeps beside it."""

    def __init__(
        self,
        world: World,
        machine: Worker,
        *,
        exchange: VirtualExchange,
        link: Link,
        notes: Notes,
        feed: Callable[[ev.Event], None],
        hold_s: Callable[[], float],
    ) -> None:
        self._world = world
        self._machine = machine
        self._exchange = exchange
        self._link = link
        self._notes = notes
        self._feed = feed
        self._hold_s = hold_s

    def do(self, effect: ev.Effect, free: Then) -> None:
        """Begin it; `free` is called when the hand that does it is free again, then the machine hears of it."""
        match effect:
            case ev.SendCommit():
                self._commit(effect, free)
            case ev.Fetch(slots):
                self._fetch(slots, free)
            case ev.LoadPages(numbers):
                self._load(numbers, free)
            case ev.Renew():
                self._renew(free)
            case _:
                raise AssertionError(f"nothing is lost in a simulation: {effect!r}")

    def _commit(self, effect: ev.SendCommit, free: Then) -> None:
        """Large values first, each with a trip of its own; then the commit; then whom it calls."""
        exchange, world = self._exchange, self._world
        items = tuple([exchange.filled(item, effect.fill) for item in effect.commit.items])
        large = [item.slot for item in items if isinstance(item, Store) and item.reference and item.slot in effect.fill]
        small = sum(len(item.value) for item in items if isinstance(item, Store) and item.value)

        def send() -> None:
            before_s = world.conditions.commit_s + self._hold_s()
            world.time.call_later(before_s, self._link.up, small, partial(arrive, world.time.now))

        def arrive(began: float) -> None:
            answer = world.commit(replace(effect.commit, items=items))
            world.time.call_later(self._link.trip_s / 2, hear, answer, began)

        def hear(answer: object, began: float) -> None:
            assert isinstance(answer, Answer)
            exchange.commits += 1
            self._notes.commit_s += world.time.now - began
            self._notes.stored(items, effect.fill, world.time.now - began, answer.now)
            self._invoke(answer, items, lambda: done(answer))

        def done(answer: Answer) -> None:
            free()
            self._feed(ev.Committed(answer))

        self._put(deque(large), send)

    def _put(self, slots: deque[str], then: Then) -> None:
        """One large value after another."""
        if not slots:
            then()
            return
        slot, began = slots.popleft(), self._world.time.now

        def arrived() -> None:
            self._notes.upload_s[slot] = self._world.time.now - began
            self._put(slots, then)

        self._world.time.call_later(self._hold_s(), self._link.travel, self._exchange.size(slot), arrived)

    def _invoke(self, answer: Answer, items: Iterable[Item], then: Then) -> None:
        """Call whom the answer asks for: a few one after another here, many beside it."""
        tree = in_a_tree(answer.calls)
        if not tree:
            then()
            return
        world, began = self._world, self._world.time.now
        self._notes.invocations += len(tree)
        items = list(items)
        deliveries = [
            Delivery(
                call=call,
                sent_at=0.0,
                values=self._exchange.start_inputs([name for one in (call, *rest) for name in one.start], items),
                forward=rest,
            )
            for call, rest in tree
        ]

        def done() -> None:
            self._notes.invoke_s += world.time.now - began
            then()

        world.send(deliveries, done, self._confirm)

    def _confirm(self, call: Call) -> None:
        self._feed(ev.Invoked(call.worker, call.called_at))

    def _fetch(self, slots: tuple[str, ...], free: Then) -> None:
        world, began = self._world, self._world.time.now
        inside = [slot for slot in slots if slot in self._exchange.inside]
        asked = [slot for slot in slots if slot not in self._exchange.inside]
        for slot in inside:
            self._exchange.admit(slot, "payload", began)
        missing: list[str] = []
        found: list[str] = []

        def look() -> None:
            stored = dict(zip(asked, world.values.fetch(asked), strict=True))
            missing.extend(slot for slot in asked if stored[slot] is None)
            found.extend(slot for slot in asked if stored[slot] is not None)
            large = [slot for slot in found if isinstance(stored[slot], Reference)]
            small = sum(self._exchange.size(slot) for slot in found if slot not in large)
            self._link.down(small, lambda: self._get(deque(large), done))

        def done() -> None:
            for slot in found:
                self._exchange.admit(slot, "store", world.time.now, world.time.now - began)
            free()
            self._feed(ev.Fetched((*inside, *found), tuple(missing)))

        if asked:
            world.time.call_later(self._hold_s() + self._link.trip_s / 2, look)
        else:
            done()

    def _get(self, slots: deque[str], then: Then) -> None:
        """Large values, several asked for with one trip."""
        if not slots:
            then()
            return
        batch = [slots.popleft() for _ in range(min(HEADS_PER_TRIP, len(slots)))]
        size = sum(map(self._exchange.size, batch))
        self._link.travel(size, lambda: self._get(slots, then))

    def _load(self, numbers: tuple[int, ...], free: Then) -> None:
        world, began = self._world, self._world.time.now
        tasks = {name: task for number in numbers for name, task in world.workload.pages[number].items()}
        decode_s = world.conditions.decode_s * len(tasks)

        def done() -> None:
            self._notes.fetch_s += world.time.now - began - decode_s
            self._notes.decode_s += decode_s
            free()
            self._feed(ev.PagesLoaded(tasks))

        world.time.call_later(self._hold_s() + self._link.trip_s + decode_s, done)

    def _renew(self, free: Then) -> None:
        world, machine = self._world, self._machine
        empty = Commit(worker=machine.worker, token=machine.token, seq=-1, env=machine.env, known=-1)

        def arrive() -> None:
            world.time.call_later(self._link.trip_s / 2, hear, world.commit(empty))

        def hear(answer: object) -> None:
            assert isinstance(answer, Answer)
            free()
            self._feed(ev.Renewed(answer))

        world.time.call_later(self._link.trip_s / 2, arrive)
