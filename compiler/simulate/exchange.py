"""What one incarnation exchanges with the store, in virtual time: `runtime.exchange` with sizes in place of values.

The store is the protocol's memory twin, so that grants, calls and hints come out as they do in a run. A value is a
block of zeros of its size where the protocol looks at sizes, and a name where it does not. When an errand is run, and
what it takes, is the business of `compiler.simulate.incarnation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from compiler.simulate.conditions import Conditions
from runtime.config import WorkerSettings
from runtime.measures.spans import InputSpan
from runtime.plan import Task
from runtime.ports import Arrival, Item, Store

ENVELOPE_BYTES = 61
"""What a signed envelope adds to a pickle."""


@lru_cache(maxsize=4096)
def zeros(size: int) -> bytes:
    """A value of that size, shared by all that have it."""
    return bytes(size)


@dataclass(slots=True)
class VirtualExchange:
    """Slots in memory with their sizes. `inside` came with the payload; `arrived`: when others' values came."""

    settings: WorkerSettings
    conditions: Conditions
    sizes: Mapping[str, int]
    inside: frozenset[str]
    token: str
    bytes_in: int = 0
    bytes_out: int = 0
    commits: int = 0
    arrived: dict[str, float] = field(default_factory=dict)
    _sources: dict[str, InputSpan] = field(default_factory=dict)

    def size(self, slot: str) -> int:
        """Bytes of a slot's value as it is stored."""
        return self.sizes[slot] + ENVELOPE_BYTES

    def is_large(self, slot: str) -> bool:
        """It has a key of its own, and goes and comes with a trip of its own."""
        return self.size(slot) > self.settings.store_value_bytes

    def filled(self, item: Item, fill: frozenset[str]) -> Item:
        """An item of a commit with what stands for its value."""
        if not isinstance(item, Store) or item.slot not in fill:
            return item
        self.bytes_out += self.size(item.slot)
        if self.is_large(item.slot):
            return replace(item, reference=f"{item.slot}:{self.token}")
        return replace(item, value=zeros(self.size(item.slot)))

    def admit(self, slot: str, source: str, now: float, fetch_s: float = 0.0) -> None:
        """A value came."""
        self.arrived.setdefault(slot, now)
        self.bytes_in += self.size(slot)
        self._sources[slot] = InputSpan(slot=slot, bytes=self.size(slot), source=source, fetch_s=fetch_s)

    def sources_of(self, task: Task) -> tuple[InputSpan, ...]:
        return tuple([self._sources[edge.slot] for edge in task.in_edges if edge.slot in self._sources])

    def local_bytes(self, task: Task) -> int:
        """Of the inputs that were made here."""
        return sum(self.sizes[edge.slot] for edge in task.in_edges if edge.slot not in self._sources)

    def forget(self, slots: Iterable[str]) -> None:
        for slot in slots:
            self._sources.pop(slot, None)

    def start_inputs(self, start: Iterable[str], items: Iterable[Item]) -> frozenset[str]:
        """The slots of a commit that travel in the payload of whom it calls."""
        wanted, room = set(start), self.settings.inline_values_bytes
        slots: set[str] = set()
        for item in items:
            if isinstance(item, Store) and isinstance(item.value, bytes) and _feeds(item.arrivals, wanted):
                size = len(item.value)
                if size <= self.settings.inline_value_bytes and size <= room:
                    room -= size
                    slots.add(item.slot)
        return frozenset(slots)


def _feeds(arrivals: Iterable[Arrival], tasks: set[str]) -> bool:
    return any(arrival.consumer in tasks for arrival in arrivals)
