"""The values that one incarnation has in memory, by slot: as they came, or live, as a task here made them.

Which slots are still needed is the machine's to say; here is what becomes of their values: one task alone gets a value
itself, several get one each, and what nobody needs any more is kept a little while, within a bound, since tasks that
are granted later may take it too.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from runtime.values.copying import Shared
from runtime.values.packing import Packing, pack_value
from runtime.values.trust import Packed

RECENT_BYTES = 32 * 1024 * 1024


class HeldValues:
    """Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, object] = {}
        self._foreign: set[str] = set()
        self._given_away: set[str] = set()
        self._shared: dict[str, Shared] = {}
        self._packings: dict[str, Packing] = {}
        self._recent: dict[str, Packed] = {}
        self._recent_bytes = 0

    def __contains__(self, slot: str) -> bool:
        return slot in self._values

    def is_made_here(self, slot: str) -> bool:
        return slot in self._values and slot not in self._foreign

    def of(self, slots: Iterable[str]) -> dict[str, object]:
        """The values of these slots; what is still packed is a `Packed`."""
        with self._lock:
            return {slot: self._values.get(slot) for slot in slots}

    def lacking(self, slots: Collection[str]) -> list[str]:
        """Those that a task was given alone, before it was known that another needs them."""
        return [slot for slot in slots if slot in self._given_away] if self._given_away else []

    def admit(self, slot: str, value: Packed) -> None:
        """A value that came from elsewhere."""
        with self._lock:
            if slot in self._given_away:
                self._given_away.discard(slot)
                self._values[slot] = value
            self._values.setdefault(slot, value)
            self._foreign.add(slot)

    def keep(self, values: Mapping[str, object]) -> None:
        """Values that a task here made; one that came from elsewhere meanwhile is the one that counts."""
        with self._lock:
            known = self._foreign
            self._values.update({slot: values[slot] for slot in values if slot not in known} if known else values)

    def adopt(self, slot: str, value: Packed) -> None:
        """Another incarnation's value takes the place of the one that was made here."""
        with self._lock:
            if slot in self._values:
                self._values[slot] = value
                self._shared.pop(slot, None)
                self._packings.pop(slot, None)

    def share(self, slots: Iterable[str]) -> dict[str, object]:
        """Values that may be taken again here: a `Shared` for each."""
        with self._lock:
            for slot in slots:
                if slot not in self._shared:
                    self._shared[slot] = Shared(self._values[slot], self._packings.get(slot))
            return {slot: self._shared[slot] for slot in slots}

    def give_away(self, slots: Iterable[str]) -> None:
        """One task alone takes these values, and may change them; what came in a pickle alone it cannot change."""
        with self._lock:
            for slot in slots:
                self._shared.pop(slot, None)
                value = self._values.get(slot)
                if isinstance(value, Packed):
                    if _is_constant(value) and value.size <= RECENT_BYTES:
                        continue
                    del self._values[slot]
                self._given_away.add(slot)

    def pack(self, slot: str) -> Packing:
        """The value, serialised at most once. Raises NotSerializable."""
        value = self._values[slot]
        if isinstance(value, Packed):
            return value.packing
        found = self._packings.get(slot)
        if found is None:
            found = self._packings[slot] = pack_value(value)
        return found

    def forget(self, slots: Iterable[str]) -> None:
        """Nobody here needs these now."""
        with self._lock:
            for slot in slots:
                value = self._values.pop(slot, None)
                if slot in self._foreign:
                    self._foreign.discard(slot)
                    if isinstance(value, Packed):
                        self._keep_recent(slot, value)
                self._given_away.discard(slot)
                self._shared.pop(slot, None)
                self._packings.pop(slot, None)

    def recent(self, slot: str) -> Packed | None:
        """A value that was needed a while ago."""
        with self._lock:
            value = self._recent.pop(slot, None)
            if value is not None:
                self._recent_bytes -= value.size
            return value

    def clear(self) -> None:
        """The incarnation is over: its values go now, not when the collector comes by."""
        with self._lock:
            for kept in (self._values, self._shared, self._packings, self._recent):
                kept.clear()

    def _keep_recent(self, slot: str, value: Packed) -> None:
        if value.size > RECENT_BYTES:
            return
        self._recent[slot] = value
        self._recent_bytes += value.size
        while self._recent_bytes > RECENT_BYTES:
            oldest = next(iter(self._recent))
            self._recent_bytes -= self._recent.pop(oldest).size


def _is_constant(value: Packed) -> bool:
    return all(buffer.readonly for buffer in value.packing.buffers)
