"""Bytes in one direction: an environment's share of the network, and those of one connection on their way over it.

Pure but for a timer and the two ends, so that both can be driven by a clock of a test's own.

    read ──▶ booked on the lane, one after another at its bandwidth ──▶ half a round trip ──▶ written

A chunk arrives half a round trip after its last byte has been sent: what follows at once arrives right behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runtime.links import LinkShape

TURN_S = 0.001
"""A connection takes the lane for no longer than this before another one of the environment has its turn."""

AHEAD_S = 0.002
"""So much of the lane's time a connection may book before its bytes leave: others of the environment wait no longer."""

LEAD_S = 40e-6
"""A timer goes off so late: it is set so much earlier, and what is too early then is waited for awake."""

CHUNK_BYTES = (4 * 1024, 256 * 1024)
MOST_BYTES = 64 * 1024 * 1024
"""A connection books no more, however long and wide its link is."""

WAITING_BYTES = 1024 * 1024
"""So much a connection reads before its turn: what was there in time is sent in time, however late this process is."""

SMALL_BYTES = 4096


Data = bytes | memoryview


class Lane:
    """One direction of one environment's network: what is sent waits for what was before it."""

    def __init__(self, bytes_per_s: float) -> None:
        self._s_per_byte = 1.0 / bytes_per_s
        self._free_at = 0.0

    def book(self, there_since: float, size: int) -> float:
        """When the last of so many bytes has been sent."""
        self._free_at = max(self._free_at, there_since) + size * self._s_per_byte
        return self._free_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a connection may take: bytes of one chunk, and bytes on their way before its reading rests."""

    chunk: int
    window: int

    @classmethod
    def of(cls, shape: LinkShape) -> Bounds:
        least, most = CHUNK_BYTES
        chunk = int(min(max(least, shape.bytes_per_s * TURN_S), most))
        on_their_way = shape.bytes_per_s * (shape.round_trip_s / 2 + AHEAD_S)
        return cls(chunk=chunk, window=int(min(on_their_way, MOST_BYTES)) + chunk)


class Timer(Protocol):
    """An event loop's clock. `woken_at` is when it was told of what it sees to now; `stay_until`
    waits awake."""

    @property
    def woken_at(self) -> float: ...

    def stay_until(self, when: float) -> None: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> object: ...


class Source(Protocol):
    """Where bytes come from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Sink(Protocol):
    """Where they go."""

    def write(self, data: Data) -> None: ...

    def can_write_eof(self) -> bool: ...

    def write_eof(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at the sink once `size` bytes have come over; `since` is when they were there."""

    since: float
    size: int
    happen: Callable[[], None]


class Pipe:
    """One direction of one connection: chunks in their order, and then its end."""

    def __init__(self, *, timer: Timer, lane: Lane, shape: LinkShape, bounds: Bounds, opens_at: float) -> None:
        self._timer = timer
        self._lane = lane
        self._delay_s = shape.round_trip_s / 2
        self._window = bounds.window
        self._opens_at = opens_at
        self._waiting: deque[Step] = deque()
        self._booked: deque[tuple[float, Step]] = deque()
        self._waiting_bytes = 0
        self._booked_bytes = 0
        self._is_resting = False
        self._is_blocked = False
        self._is_open = False
        self.source: Source | None = None
        self.sink: Sink | None = None

    def open(self, sink: Sink) -> None:
        """The sink is there: what has come before may go on."""
        self.sink = sink
        self._is_open = True
        self._book()

    def put(self, data: Data) -> None:
        """Bytes that the source has given."""
        self._then(len(data), lambda: self._write(data))

    def end(self) -> None:
        """The source gives no more."""
        self._then(0, self._finish)

    def break_off(self) -> None:
        """The source was lost: so is what has not arrived, and the sink with it."""
        self._then(0, self._abort)

    def block(self, is_blocked: bool) -> None:
        """The sink takes no more for now, or takes again."""
        self._is_blocked = is_blocked
        self._rest_or_go_on()

    def _then(self, size: int, happen: Callable[[], None]) -> None:
        self._waiting.append(Step(self._timer.woken_at, size, happen))
        self._waiting_bytes += size
        self._book()
        self._rest_or_go_on()

    def _book(self) -> None:
        """Book what waits, as far as the window goes."""
        while self._is_open and self._waiting and self._booked_bytes < self._window:
            step = self._waiting.popleft()
            self._waiting_bytes -= step.size
            self._booked_bytes += step.size
            due = max(self._lane.book(step.since, step.size), self._opens_at) + self._delay_s
            self._booked.append((due, step))
            # Timers of one time may go off in any order; each takes what is first.
            self._timer.call_at(due - (LEAD_S if step.size <= SMALL_BYTES else 0.0), self._arrive)

    def _arrive(self) -> None:
        due, step = self._booked.popleft()
        self._timer.stay_until(due)
        self._booked_bytes -= step.size
        step.happen()
        self._book()
        self._rest_or_go_on()

    def _write(self, data: Data) -> None:
        if self.sink is not None:
            self.sink.write(data)

    def _finish(self) -> None:
        if self.sink is None:
            return
        if self.sink.can_write_eof():
            self.sink.write_eof()
        else:
            self.sink.close()

    def _abort(self) -> None:
        if self.sink is not None:
            self.sink.abort()

    def _rest_or_go_on(self) -> None:
        rests = self._is_blocked or self._waiting_bytes >= WAITING_BYTES
        if rests == self._is_resting or self.source is None:
            return
        self._is_resting = rests
        if rests:
            self.source.pause_reading()
        else:
            self.source.resume_reading()
