"""One run's state in memory: what Redis holds under the keys of `keys.py`, as plain Python values.

Only data and the smallest questions about it; the protocol is `memory_coordinator`. Guarded by `lock`, which the
three ports of a backend share.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from runtime.plan import EnvClass
from runtime.ports import HintMessage, Reference, RunEvent, Tried, Waiter
from runtime.values.bulk import Sealed

EVENTS_KEPT = 10_000
HINTS_KEPT = 1_000
ATTEMPTS_KEPT = 20


class State(Enum):
    """A worker's state; one that has no record is idle too."""

    IDLE = "idle"
    CALLED = "called"
    RUNNING = "running"
    ASLEEP = "asleep"
    """It left grants that wait for their next attempt: it is called when the first of them is due."""


@dataclass(slots=True, kw_only=True)
class Record:
    """What `workers` holds of one worker. Times in seconds of the backend's clock."""

    env: EnvClass
    subdag: str
    state: State = State.IDLE
    token: str = ""
    due: float = 0.0
    tries: int = 0
    k: int = 0
    seq: int = 0
    called_at: float = 0.0
    confirmed: bool = False

    def is_live(self, now: float) -> bool:
        """Running, with a lease that holds."""
        return self.state is State.RUNNING and self.due > now


@dataclass(slots=True)
class MemoryState:
    """Everything of one run, and the deployment's blobs."""

    clock: Callable[[], float]
    lock: threading.Condition = field(default_factory=threading.Condition)
    meta: str = ""
    reason: str = ""
    rebuild: str = ""
    built_at: float = 0.0
    workers: dict[str, Record] | None = None
    newest: float = 0.0
    last_begin: float = 0.0
    called: int = 0
    out: dict[str, bytes | Reference] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    done_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stored_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    todo: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    arrived: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    need: dict[str, int] = field(default_factory=dict)
    held: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    lines: dict[str, list[Waiter]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[str, Tried] = field(default_factory=dict)
    tried: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    errors: dict[str, str] = field(default_factory=dict)
    events: list[RunEvent] = field(default_factory=list)
    spans: list[bytes] = field(default_factory=list)
    hints: dict[str, list[HintMessage]] = field(default_factory=lambda: defaultdict(list))
    pages: dict[int, bytes] = field(default_factory=dict)
    inputs: dict[str, bytes | Reference] = field(default_factory=dict)
    graph: bytes | None = None
    large: dict[str, Sealed] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    entries: int = 0
    newest_ms: int = 0

    def next_id(self) -> str:
        """An id that sorts after all earlier ones and begins with the clock's milliseconds, as Redis's do."""
        self.entries += 1
        self.newest_ms = max(self.newest_ms, int(self.clock() * 1000))
        return f"{self.newest_ms}-{self.entries}"

    def tell(self, kind: str, data: str) -> None:
        """One event more; the oldest go when there are twice as many as a stream keeps."""
        self.events.append(RunEvent(id=self.next_id(), kind=kind, data=data))
        if len(self.events) >= 2 * EVENTS_KEPT:
            del self.events[:-EVENTS_KEPT]

    def hint(self, worker: str, arrived: dict[str, bytes]) -> None:
        """One wake-up more for a live worker, trimmed like the events."""
        held = self.hints[worker]
        held.append(HintMessage.of(self.next_id(), arrived))
        if len(held) >= 2 * HINTS_KEPT:
            del held[:-HINTS_KEPT]

    def end(self, how: str, reason: str) -> None:
        self.meta, self.reason, self.workers = how, reason, None

    def _kinds(self) -> tuple[dict[Any, Any] | set[str] | list[RunEvent] | list[bytes], ...]:
        """What a run has once."""
        tables = (self.out, self.need, self.attempts, self.tried, self.errors, self.pages, self.inputs, self.large)
        return (*tables, self.done, self.events, self.spans)

    def clear(self) -> None:
        """Nothing of the run remains; the deployment's blobs do."""
        self.meta, self.reason, self.rebuild, self.workers, self.graph = "", "", "", None, None
        for kind in self._kinds():
            kind.clear()
        for named in (self.todo, self.arrived, self.done_of, self.stored_of, self.hints, self.held, self.lines):
            named.clear()

    def is_empty(self) -> bool:
        """Nothing of the run is left (the deployment's blobs do not count)."""
        named = (self.todo, self.arrived, self.done_of, self.stored_of, self.hints, self.held, self.lines)
        once = any(self._kinds())
        return not (self.meta or self.workers or self.graph or once or any(map(any, (n.values() for n in named))))
