"""The launcher's side of a run in virtual time: publish, rebuild, invoke, watch, read the outputs, clean.

Its decisions are `runtime.watch`'s; its life is a generator that yields the seconds until it goes on, and each of
those pauses is a place where it may die. A successor then looks at the run and goes on from its state. There may be
several at once; the world's `book` stands for the record that says how a run ended, and by which they know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runtime.calls.calling import Outgoing
from runtime.errors import RebuildSuperseded
from runtime.ports import Call, RunEnd, RunStatus
from runtime.values.reading import read_stored
from runtime.watch import Move, RunWatch, next_move, rebuild_state

if TYPE_CHECKING:
    from tests.faults.world import World

GRACE_S = 2.0


class Launcher:
    """One launcher's process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_alive = True
        self.coordinator = world.store.client()
        self.watch = RunWatch(total=len(world.graph), targets=frozenset(world.targets))
        self._after = "0"

    def life(self, *, is_first: bool) -> Iterator[float]:
        """From the launch, or from the look of a successor, to the end."""
        if is_first:
            self._publish()
            yield from self._rebuild(None)
        while True:
            yield self.world.schedule.uniform(0.05, 1.0)
            self._read_events()
            status = self.coordinator.status()
            if self.world.book:
                yield from self._clean(status)
                return
            if self.world.chance.strikes("cancel"):
                self.coordinator.end(RunEnd.CANCELLED, "cancelled by the user")
                self.world.book = "cancelled"
                continue
            match next_move(status, self.watch):
                case Move.REBUILD:
                    yield from self._rebuild(status)
                case Move.FAIL:
                    self.world.referee.failing(status)
                    if status.meta == "failed" and self.world.chance.strikes("resume"):
                        yield from self._resume(status)
                    else:
                        self.world.book = status.meta
                case Move.WATCH:
                    for call in self.coordinator.watch(self.world.scenario.settings.fan_out):
                        self.world.referee.calls_again(call.worker)
                        yield from self._invoke(call)
                case Move.COLLECT:
                    values = self._collect()
                    if values is not None:
                        yield from self._end(values)
                    elif self.watch.is_value_gone(status):
                        yield from self._rebuild(status, why="a target is gone")

    def _resume(self, status: RunStatus) -> Iterator[float]:
        """The user has mended the task that failed, and goes on from what is committed."""
        self.world.trace("the run is resumed")
        self.world.failing = frozenset()
        self.world.repeated_by_hand |= status.errors.keys()
        self.watch.failure = ""
        yield from self._rebuild(status)

    def _publish(self) -> None:
        world = self.world
        world.store.values.put_blobs(world.blobs)
        world.store.values.put_pages(world.pages)

    def _rebuild(self, seen: RunStatus | None, why: str = "") -> Iterator[float]:
        """Write the run's state from what can be read, unless somebody else has, since it was `seen`."""
        world = self.world
        vanished = world.mishaps.vanished
        if seen is not None:
            world.referee.rebuilding(seen, why)
            if seen.meta != "building":
                self._publish()
        world.trace(f"the launcher rebuilds what is {seen.meta or 'gone' if seen else 'new'}")
        try:
            self.coordinator.rebuild_start(seen)
            world.referee.forgot()
            self.watch.fence()
            world.wrote()
            yield world.latency()
            readable, dangling = world.store.values.readable()  # type: ignore[attr-defined]
            losses = world.mishaps.losses
            state = rebuild_state(world.scenario.bundle, readable, dangling, fan_out=world.scenario.settings.fan_out)
            yield world.latency()
            self.coordinator.rebuild_part(state.part)
            yield world.latency()
            calls = self.coordinator.rebuild_end(state.rows)
        except RebuildSuperseded:
            return
        world.referee.rebuilt({task for _, task in state.part.done}, vanished, losses)
        world.wrote()
        for call in calls:
            yield from self._invoke(call)

    def _invoke(self, call: Call) -> Iterator[float]:
        """Throttled calls are repeated six times, then left to the watch."""
        yield self.world.latency()
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6):
            if not self.world.chance.strikes("throttle"):
                self.world.send(Outgoing(call=call, accepted=lambda: None), from_launcher=True)
                yield self.world.latency()
                self.coordinator.confirm(call.worker, call.called_at)
                return
            yield pause

    def _read_events(self) -> None:
        events = self.world.store.signals.wait_events(self._after, 0.0)
        for event in events:
            self.watch.take(event)
        if events:
            self._after = events[-1].id

    def _collect(self) -> dict[str, object] | None:
        """The targets' values, or None when one of them cannot be read."""
        world = self.world
        values: dict[str, object] = {}
        for slot, stored in zip(world.targets, world.store.values.fetch(world.targets), strict=True):
            packed = read_stored(world.store.values, world.trust, slot, stored)
            if packed is None:
                return None
            values[slot] = packed.unpack()
        return values

    def _end(self, values: dict[str, object]) -> Iterator[float]:
        """Wait for last words, then say how the run ended, unless somebody else has: the next look cleans."""
        give_up = self.world.now + GRACE_S
        while self.watch.awaits_spans and self.world.now < give_up:
            yield 0.05
            self._read_events()
        if not self.world.book:
            self.world.referee.succeeded(values)
            self.world.book = "succeeded"

    def _clean(self, status: RunStatus) -> Iterator[float]:
        """From here on there are only zombies. A launcher that dies before it leaves the run to its successor."""
        yield self.world.latency()
        self.coordinator.finish()
        self.world.trace(f"the launcher cleans what {self.world.book}, and was {status.meta or 'gone'}")
        self.world.referee.cleaned(self.world.book)
