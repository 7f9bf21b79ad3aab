"""Bytes on their way, by a clock of the test's own: what arrives when, in what order, and how much is held."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import pytest

from runtime.links import LinkShape
from runtime.local.link.lane import AHEAD_S, WAITING_BYTES, Bounds, Lane, Pipe

MB = 1_000_000


class Clock:
    """An event loop's timers, in any order among those of one time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count(0, -1)

    @property
    def woken_at(self) -> float:
        return self.now

    def stay_until(self, when: float) -> None:
        self.now = max(self.now, when)

    def call_at(self, when: float, callback: Callable[[], object]) -> None:
        heapq.heappush(self._timers, (when, next(self._numbers), callback))

    def run(self, late_s: float = 0.0) -> None:
        """Until nothing is left to be done. With `late_s` it looks at the time but so often."""
        while self._timers:
            self.now = max(self.now, self._timers[0][0] + late_s)
            while self._timers and self._timers[0][0] <= self.now:
                heapq.heappop(self._timers)[2]()


class Ends:
    """Both ends of a pipe: a source that may rest, and a sink that notes what arrives when."""

    def __init__(self, clock: Clock, *, has_halves: bool = True) -> None:
        self._clock = clock
        self._has_halves = has_halves
        self.is_reading = True
        self.arrived: list[tuple[float, bytes | str]] = []

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def write(self, data: bytes) -> None:
        self.arrived.append((self._clock.now, data))

    def can_write_eof(self) -> bool:
        return self._has_halves

    def write_eof(self) -> None:
        self.arrived.append((self._clock.now, "eof"))

    def close(self) -> None:
        self.arrived.append((self._clock.now, "close"))

    def abort(self) -> None:
        self.arrived.append((self._clock.now, "abort"))


def piped(clock: Clock, shape: LinkShape, lane: Lane | None = None, opens_at: float = 0.0) -> tuple[Pipe, Ends]:
    ends = Ends(clock)
    pipe = Pipe(
        timer=clock, lane=lane or Lane(shape.bytes_per_s), shape=shape, bounds=Bounds.of(shape), opens_at=opens_at
    )
    pipe.source = ends
    pipe.open(ends)
    return pipe, ends


def test_a_small_chunk_takes_half_a_round_trip():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape(round_trip_s=0.01))
    pipe.put(b"one")
    clock.run()
    assert ends.arrived == [(0.005, b"one")]


def test_chunks_sent_together_do_not_wait_for_one_another_and_keep_their_order():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape(round_trip_s=0.01))
    chunks = [bytes([number]) for number in range(100)]
    for chunk in chunks:
        pipe.put(chunk)
    pipe.end()
    clock.run()
    assert ends.arrived == [*((0.005, chunk) for chunk in chunks), (0.005, "eof")]


def test_what_comes_before_there_is_a_sink_waits_for_it():
    clock = Clock()
    ends, shape = Ends(clock), LinkShape(round_trip_s=0.01)
    pipe = Pipe(timer=clock, lane=Lane(shape.bytes_per_s), shape=shape, bounds=Bounds.of(shape), opens_at=0.0)
    pipe.put(b"hello")
    pipe.end()
    clock.now = 1.0
    pipe.open(ends)
    clock.run()
    assert ends.arrived == [(1.0, b"hello"), (1.0, "eof")]


def test_bytes_leave_one_after_another_at_the_bandwidth():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape(round_trip_s=0.002, bytes_per_s=MB))
    for _ in range(3):
        pipe.put(bytes(1000))
    clock.run()
    assert [at for at, _ in ends.arrived] == pytest.approx([0.002, 0.003, 0.004])


def test_connections_of_one_environment_share_its_bandwidth_and_others_do_not():
    clock, shape = Clock(), LinkShape(bytes_per_s=MB)
    lane = Lane(MB)
    (one, of_one), (two, of_two) = piped(clock, shape, lane), piped(clock, shape, lane)
    other, of_other = piped(clock, shape)
    for pipe in (one, two, other):
        pipe.put(bytes(1000))
    clock.run()
    assert [of_one.arrived[0][0], of_two.arrived[0][0]] == pytest.approx([0.001, 0.002])
    assert of_other.arrived[0][0] == pytest.approx(0.001)


def test_a_source_rests_while_enough_is_on_its_way():
    clock, shape = Clock(), LinkShape(round_trip_s=0.01, bytes_per_s=MB)
    pipe, ends = piped(clock, shape)
    sent = 0
    while ends.is_reading:
        pipe.put(bytes(1000))
        sent += 1000
    assert MB * 0.005 <= sent <= Bounds.of(shape).window + WAITING_BYTES + 2000
    clock.run()
    assert ends.is_reading and sum(len(data) for _, data in ends.arrived) == sent


def test_what_was_there_in_time_is_sent_in_time_however_late_the_timers_are():
    clock, shape = Clock(), LinkShape(bytes_per_s=MB)
    pipe, ends = piped(clock, shape)
    for _ in range(100):
        pipe.put(bytes(1000))
    clock.run(late_s=0.02)
    assert 0.1 <= clock.now <= 0.1 + 0.02
    assert len(ends.arrived) == 100


def test_a_small_message_waits_for_no_more_than_a_turn_of_a_large_one():
    clock, shape = Clock(), LinkShape(bytes_per_s=MB)
    lane = Lane(MB)
    (bulk, _), (small, of_small) = piped(clock, shape, lane), piped(clock, shape, lane)
    for _ in range(200):
        bulk.put(bytes(Bounds.of(shape).chunk))
    small.put(b"ping")
    clock.run()
    assert of_small.arrived[0][0] <= AHEAD_S + 2 * Bounds.of(shape).chunk / MB


def test_a_source_rests_while_the_sink_takes_nothing():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape())
    pipe.block(True)
    assert not ends.is_reading
    pipe.put(b"last")
    clock.run()
    assert not ends.is_reading and ends.arrived == [(0.0, b"last")]
    pipe.block(False)
    assert ends.is_reading


def test_what_was_sent_before_a_reset_arrives_before_it():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape(round_trip_s=0.01, bytes_per_s=MB))
    pipe.put(bytes(1000))
    pipe.break_off()
    clock.run()
    assert [what for _, what in ends.arrived] == [bytes(1000), "abort"]


def test_a_sink_without_halves_is_closed_at_the_end():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape())
    ends._has_halves = False
    pipe.end()
    clock.run()
    assert ends.arrived == [(0.0, "close")]


def test_a_connection_opens_after_its_round_trips():
    clock = Clock()
    pipe, ends = piped(clock, LinkShape(round_trip_s=0.01), opens_at=0.01)
    pipe.put(b"hello")
    clock.run()
    assert ends.arrived == [(0.015, b"hello")]


def test_the_whole_bandwidth_is_used_when_the_source_always_has_more():
    clock, shape = Clock(), LinkShape(round_trip_s=0.05, bytes_per_s=10 * MB)
    pipe, ends = piped(clock, shape)
    left = [3 * MB]

    def give() -> None:
        while ends.is_reading and left[0]:
            size = min(left[0], Bounds.of(shape).chunk)
            left[0] -= size
            pipe.put(bytes(size))

    ends.resume_reading = lambda: (setattr(ends, "is_reading", True), give())  # type: ignore[method-assign,assignment]
    give()
    clock.run()
    assert sum(len(data) for _, data in ends.arrived) == 3 * MB
    assert clock.now == pytest.approx(0.3 + 0.025)
