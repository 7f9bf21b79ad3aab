"""Time that is computed: a heap of things to come, and what several of them share.

Nothing here knows of workers. Things of one moment happen in the order in which they were asked for, so that a
simulation depends on nothing but its input.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

Act = Callable[..., object]


class VirtualTime:
    """A clock that jumps from one thing to the next. It is a `runtime.local.dispatch.Timer`, too. Seconds from 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Act, tuple[object, ...]]] = []
        self._pushed = 0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Act, *args: object) -> None:
        """Do it `delay` seconds from now; never in the past."""
        self._pushed += 1
        heapq.heappush(self._heap, (self.now + max(0.0, delay), self._pushed, callback, args))

    def run(self, is_over: Callable[[], bool]) -> bool:
        """One thing after another until it is over; False when nothing is to come before that."""
        heap = self._heap
        while not is_over():
            if not heap:
                return False
            self.now, _, callback, args = heapq.heappop(heap)
            callback(*args)
        return True


class Shared:
    """Something that jobs share fairly: the cores of a host, the bandwidth of a link. Egalitarian processor sharing.

    `capacity` is what all get together in a second, `most` what one job gets at most, both in the unit of its work.
    All jobs have the same bound, so they end in the order of the work that each of them still needs, and one number,
    what a job present from the beginning would have got (the *level*), stands for all their progress.
    """

    def __init__(self, time: VirtualTime, *, capacity: float, most: float = inf) -> None:
        self._time = time
        self._capacity = capacity
        self._most = most
        self._jobs: list[tuple[float, int, Act]] = []
        self._level = 0.0
        self._at = 0.0
        self._pushed = 0
        self._turn = 0

    def take(self, work: float, done: Act) -> None:
        """Call `done` when `work` of it was got."""
        if work <= 0.0 or (self._capacity == inf and self._most == inf):
            self._time.call_later(0.0, done)
            return
        if self._capacity == inf:
            self._time.call_later(work / self._most, done)
            return
        self._catch_up()
        self._pushed += 1
        heapq.heappush(self._jobs, (self._level + work, self._pushed, done))
        self._plan()

    @property
    def _rate(self) -> float:
        return min(self._most, self._capacity / len(self._jobs))

    def _catch_up(self) -> None:
        if self._jobs:
            self._level += (self._time.now - self._at) * self._rate
        self._at = self._time.now

    def _plan(self) -> None:
        """Look again when the first of them ends; an earlier plan is void."""
        self._turn += 1
        if self._jobs:
            left = self._jobs[0][0] - self._level
            self._time.call_later(left / self._rate, self._end_first, self._turn)

    def _end_first(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._catch_up()
        level, _, done = heapq.heappop(self._jobs)
        self._level = max(self._level, level)
        done()
        self._plan()
