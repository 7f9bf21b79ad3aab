"""What befalls the store of a run: restarts that forget, values that are lost, a clock that jumps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tests.faults.chance import Chance
from tests.faults.stores import Store


class Mishaps:
    """`skew`: by how much the store's clock is wrong. `is_value_lost`: something that was stored may be gone.
    `has_forgotten`: so may be what was written last.

    `vanished`: how often whole keys were lost, or lost again by a restart; until the next rebuild the state keeps no
    promise. `losses`: how often anything was lost.
    """

    def __init__(self, chance: Chance, store: Store, slots: Sequence[str], trace: Callable[[str], None]) -> None:
        self.skew = 0.0
        self.is_value_lost = False
        self.has_rolled_back = False
        self.has_forgotten = False
        self.vanished = 0
        self.losses = 0
        self.lost_slots: Counter[str] = Counter()
        self._chance = chance
        self._store = store
        self._slots = slots
        self._trace = trace
        self._rollback: tuple[object, int] | None = None

    def befall(self) -> bool:
        """After each write something may happen; True when leases were forgotten, or the clock jumped."""
        is_upset = False
        if self._rollback is not None:
            is_upset = self._roll_back_soon(*self._rollback)
        elif random := self._chance.strikes("rollback"):
            self._rollback = (self._store.snapshot(), random.choice((1, 1, 2, 4)))
        elif self._chance.strikes("flush"):
            self._trace("the store forgets everything")
            self.is_value_lost = self.has_forgotten = is_upset = True
            self.losses += 1
            self._store.forget_all()
        self._lose_value()
        self._lose_key()
        if random := self._chance.strikes("clock_jump"):
            self.skew += random.choice((-30.0, -3.0, 3.0, 30.0, 3600.0))
            is_upset = True
        return is_upset

    def _roll_back_soon(self, snapshot: object, writes: int) -> bool:
        """The snapshot is what the disk has: some writes later the store restarts from it."""
        if writes > 0:
            self._rollback = (snapshot, writes - 1)
            return False
        self._rollback = None
        self.has_rolled_back = self.has_forgotten = True
        self.vanished += self.vanished > 0
        self.losses += 1
        self._trace("the store restarts and forgets its last writes")
        self._store.restore(snapshot)
        return True

    def _lose_key(self) -> None:
        random = self._chance.strikes("vanish")
        if random and (key := self._store.lose_key(random)):
            self._trace(f"the key {key} vanishes")
            self.is_value_lost = self.has_forgotten = True
            self.vanished += 1
            self.losses += 1
            self.lost_slots.update(self._slots)

    def _lose_value(self) -> None:
        random = self._chance.strikes("lose_value")
        slot = self._store.lose_value(self._slots, random) if random else None
        if slot is not None:
            self._trace(f"the value of {slot} is lost")
            self.is_value_lost = True
            self.losses += 1
            self.lost_slots[slot] += 1
