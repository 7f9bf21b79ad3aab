"""The way between an environment and the store: trips, and bytes that share its bandwidth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from compiler.simulate.virtual_time import Shared

if TYPE_CHECKING:
    from compiler.simulate.world import World

Then = Callable[[], None]


class Link:
    """One environment's, for one invocation."""

    def __init__(self, world: World) -> None:
        rate = world.conditions.environment_bytes_per_s
        self.trip_s = world.conditions.round_trip_s
        self._time = world.time
        self._store = world.store_link
        self._own = Shared(world.time, capacity=rate, most=rate)

    def up(self, size: int, then: Then) -> None:
        """Half a trip, and so many bytes."""
        self._time.call_later(self.trip_s / 2, self._carry, size, then)

    def down(self, size: int, then: Then) -> None:
        """So many bytes, and half a trip."""
        self._carry(size, lambda: self._time.call_later(self.trip_s / 2, then))

    def travel(self, size: int, then: Then) -> None:
        """There, with so many bytes one way or the other, and back."""
        self.up(size, lambda: self._time.call_later(self.trip_s / 2, then))

    def _carry(self, size: int, then: Then) -> None:
        """Over the environment's own link and the store's, whichever takes longer."""
        left = [2]

        def half() -> None:
            left[0] -= 1
            if not left[0]:
                then()

        self._own.take(float(size), half)
        self._store.take(float(size), half)
