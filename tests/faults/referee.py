"""The invariants of a run, whatever befalls it.

- Each stored output is committed once, but for those that the store lost.
- The results equal the sequential ones.
- A large value that lost is deleted by who put it, unless that process died.
- Nothing of the run stays in the store, however late a zombie comes back.
- No rebuild without a lost value, or a store that lost the state of the run.
- No granted task with an absent input.
- A run fails only when one of its tasks fails for good, and then it does.

That a run ends is the world's to see.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runtime.ports import RunStatus
from tests.faults.values import plain, sequential

if TYPE_CHECKING:
    from tests.faults.world import World


class Violation(AssertionError):
    """An invariant does not hold."""


class Referee:
    """Looks on, and raises `Violation`. `over` says how the run ended, "" before it has."""

    def __init__(self, world: World) -> None:
        self.over = ""
        self._world = world
        self._results: Mapping[str, object] = {}
        self._in_slots = {name: tuple(edge.slot for edge in task.in_edges) for name, task in world.records.items()}

    def wrote(self) -> None:
        """Something was written: are the inputs of all that is granted there?"""
        if not self._world.mishaps.is_value_lost and (absent := self._world.store.absent_inputs(self._in_slots)):
            raise Violation(absent)

    def misses(self, worker: str, slot: str) -> None:
        """A worker reports a value that it was granted and cannot read."""
        mishaps = self._world.mishaps
        if not (self.over or mishaps.is_value_lost or mishaps.has_rolled_back):
            raise Violation(f"{worker} was granted a task and {slot} is not stored")

    def rebuilding(self, meta: str) -> None:
        """The launcher builds the run anew, because its state says so or is not there."""
        if meta == "rewind" and not self._world.mishaps.is_value_lost:
            raise Violation("a rebuild without a lost value")
        if not self._world.chance.struck:
            raise Violation(f"a rebuild without a fault: {meta or 'no state'}")

    def failing(self, status: RunStatus) -> None:
        """The run has failed: a task that always fails, and its record, must have brought that about.

        A successor may also find it cancelled, when a launcher died before it had cleaned.
        """
        is_cancelled = status.meta == "cancelled" and any(kind == "cancel" for kind, _ in self._world.chance.struck)
        is_due = status.errors and self._world.scenario.failing.issuperset(status.errors)
        if not (is_cancelled or is_due):
            raise Violation(f"the run {status.meta}: {status.reason} {dict(status.errors)}")

    def succeeded(self, values: Mapping[str, object]) -> None:
        """The launcher has read the results."""
        self._results = values
        if self._world.scenario.failing:
            raise Violation(f"{set(self._world.scenario.failing)} always fails, and the run has a result")
        self._look_for_orphans()
        counts: Counter[str] = Counter()
        for event in self._world.store.signals.wait_events("0", 0.0):
            if event.kind == "stored":
                counts.update(json.loads(event.data)["slots"])
        for slot, count in counts.items():
            if count > 1 + self._world.mishaps.lost_slots[slot]:
                raise Violation(f"{slot} was committed {count} times")

    def _look_for_orphans(self) -> None:
        world = self._world
        if world.mishaps.is_value_lost or world.mishaps.has_rolled_back:
            return
        for key in world.store.orphans():
            if key.rpartition(":")[2] not in world.unheard():
                raise Violation(f"the large value {key} lost, and its writer left it behind")

    def cleaned(self, how: str) -> None:
        """The launcher has cleaned: at this moment nothing at all is there."""
        self.over = how
        if left := self._world.store.left():
            raise Violation(f"the launcher has cleaned and there is left: {left}")

    def whistle(self) -> None:
        """Nothing more will come, zombies included."""
        store, world = self._world.store, self._world
        if left := [name for name in store.left() if name not in store.late]:
            raise Violation(f"the run is over and a zombie left: {left}")
        if self.over != "succeeded":
            return
        for slot, digest in sequential(world.records, world.graph.names, world.targets).items():
            if plain(self._results.get(slot)) != digest:
                raise Violation(f"{slot} is {plain(self._results.get(slot))!r}, sequentially {digest!r}")
