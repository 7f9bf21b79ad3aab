"""List scheduling with insertion: the most urgent task first, each where its results will be at hand first.

After HEFT (Topcuoglu, Hariri and Wu, "Performance-effective and low-complexity task scheduling for heterogeneous
computing", IEEE TPDS 13(3), 2002), with what matters here besides:

- urgency is the upward rank, so of two tasks that both want their parent's worker the critical one has first claim,
  whatever their topological order; a less urgent one fills the gap before it when it fits;
- a new worker pays its start, a worker that has left pays being called again: changing workers is not free;
- inputs count when they come from other workers, all of one task's together; outputs are stored only where somebody
  else wants them;
- where the outputs of several tasks meet, the first of them to be placed makes a home, and a way from elsewhere
  to it counts for the others: so short tasks with large outputs stay, and long ones go where there is room.

Of all workers only the promising ones are looked at: those that hold most of the inputs, the one that is free first,
and a new one; all, where they are few.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.planner.figures import Figures, ranks
from compiler.planner.model import FLEXIBLE
from compiler.planner.terms import Terms

HOLDERS = 3
"""Workers that hold inputs which are looked at, those with most bytes."""

FEW_WORKERS = 8
"""So many workers are all looked at."""

GAPS = 6
"""Gaps of a worker that are tried before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A worker for each instance, the user's own first, and when it would run there."""

    worker_of: list[int]
    start: list[float]
    end: list[float]
    makespan_s: float
    workers: int


def list_schedule(figures: Figures, terms: Terms) -> Schedule:
    """The schedule; some ten microseconds a task."""
    urgency = ranks(figures, terms.seconds)
    place = {instance: number for number, instance in enumerate(figures.problem.order)}
    listing = _Listing(figures, terms)
    for instance in sorted(figures.problem.order, key=lambda one: (-urgency[one], place[one])):
        listing.place(instance)
    return listing.schedule()


class _Slots:
    """What one worker has to do, in order of time."""

    __slots__ = ("ends", "starts")

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []

    def find(self, ready: float, seconds: float, start_s: float, again_s: float, linger_s: float) -> float:
        """The first start for so long a task whose inputs are ready then; called anew it pays for that."""
        starts, ends = self.starts, self.ends
        if not ends:
            return ready + start_s
        at = bisect_right(ends, ready)
        free = ends[at - 1] if at else ready + start_s
        for slot in range(at, min(at + GAPS, len(ends))):
            begin = max(ready, free)
            if starts[slot] - begin >= seconds:
                return begin
            free = ends[slot]
        free = max(free, ends[-1])
        return ready + again_s if ready - free > linger_s else max(ready, free)

    def add(self, start: float, end: float) -> None:
        at = bisect_right(self.starts, start)
        self.starts.insert(at, start)
        self.ends.insert(at, end)


class _Inputs:
    """Where the inputs of one task are, as far as they are placed: all."""

    __slots__ = ("first", "held", "local", "second", "total", "where")

    def __init__(self, figures: Figures, instance: int, worker_of: Sequence[int], end: Sequence[float]) -> None:
        self.held: dict[int, int] = {}
        self.local: dict[int, float] = {}
        self.total = 0
        self.first = self.second = 0.0
        self.where = FLEXIBLE
        stored_by: dict[int, float] = {}
        stored_s = figures.stored_s
        for producer, size in figures.inputs[instance]:
            worker, ended = worker_of[producer], end[producer]
            self.held[worker] = self.held.get(worker, 0) + size
            self.local[worker] = max(self.local.get(worker, 0.0), ended)
            stored_by[worker] = max(stored_by.get(worker, 0.0), ended + stored_s[producer])
            self.total += size
        for worker, stored in stored_by.items():
            if stored > self.first:
                self.first, self.second, self.where = stored, self.first, worker
            elif stored > self.second:
                self.second = stored

    def ready(self, worker: int, trip_s: float, byte_s: float) -> float:
        """When all of them are at hand on a worker."""
        stored = self.second if worker == self.where else self.first
        away = self.total - self.held.get(worker, 0)
        came = stored + trip_s + away * byte_s if stored > 0.0 else 0.0
        return max(came, self.local.get(worker, 0.0))


class _Listing:
    """The pass over all tasks."""

    def __init__(self, figures: Figures, terms: Terms) -> None:
        count = len(terms.seconds)
        self.figures, self.terms = figures, terms
        self.worker_of = [FLEXIBLE] * count
        self.start, self.end = [0.0] * count, [0.0] * count
        self.slots = [_Slots() for _ in terms.class_of_pin]
        self.members: dict[int, list[int]] = {}
        self.free: dict[int, list[tuple[float, int]]] = {}
        self.group_of: dict[int, int] = {}
        """By worker; the user's are in none."""
        self.given: dict[tuple[int, int], int] = {}
        """By task that several outputs meet at, and worker: the bytes for it that the worker has been given."""
        self.homes: dict[int, int] = {}
        """By such a task the worker that has been given most."""

    def schedule(self) -> Schedule:
        return Schedule(
            worker_of=self.worker_of,
            start=self.start,
            end=self.end,
            makespan_s=max(map(sum, zip(self.end, self._after(), strict=True)), default=0.0),
            workers=sum(bool(slots.ends) for slots in self.slots),
        )

    def _after(self) -> list[float]:
        """Results are over when they are stored."""
        targets = frozenset(self.figures.problem.graph.targets)
        return [self.figures.store_s if instance in targets else 0.0 for instance in range(len(self.end))]

    def place(self, instance: int) -> None:
        inputs = _Inputs(self.figures, instance, self.worker_of, self.end)
        pin, group = self.terms.pin_of[instance], self.terms.group_of[instance]
        if pin != FLEXIBLE:
            self._take(instance, pin, self._start(instance, pin, inputs))
            return
        home = self._home(instance)
        best = chosen = None
        for worker in self._candidates(instance, group, inputs, home):
            start = self._start(instance, worker, inputs)
            key = self._worth(instance, worker, start, home)
            if best is None or key < best:
                best, chosen = key, (worker, start)
        assert chosen is not None, "there is a new worker, or one of the group"
        self._take(instance, *chosen)

    def _candidates(self, instance: int, group: int, inputs: _Inputs, home: int) -> list[int]:
        """Workers of the group, promising ones first; the number after the last is a new one."""
        members, class_of_pin = self.members.setdefault(group, []), self.terms.class_of_pin
        made = len(self.slots) - len(class_of_pin)
        new = [len(self.slots)] if made < self.terms.workers or not members else []
        for worker in inputs.held if class_of_pin else ():
            if worker < len(class_of_pin) and class_of_pin[worker] == self.terms.class_of[instance]:
                new.append(worker)
        if len(members) <= FEW_WORKERS:
            return members + new
        holders = [worker for worker in inputs.held if self.group_of.get(worker) == group]
        found = dict.fromkeys(heapq.nlargest(HOLDERS, holders, key=lambda one: (inputs.held[one], -one)))
        if self.group_of.get(home) == group:
            found[home] = None
        found[self._idlest(group)] = None
        return [*found, *new]

    def _idlest(self, group: int) -> int:
        heap = self.free[group]
        while heap[0][0] < self.slots[heap[0][1]].ends[-1]:
            heapq.heapreplace(heap, (self.slots[heap[0][1]].ends[-1], heap[0][1]))
        return heap[0][1]

    def _start(self, instance: int, worker: int, inputs: _Inputs) -> float:
        figures = self.figures
        ready = inputs.ready(worker, figures.trip_s, figures.byte_s)
        if worker == len(self.slots):
            return ready + figures.start_s
        seconds = self.terms.seconds[instance]
        return self.slots[worker].find(ready, seconds, figures.start_s, figures.again_s, figures.linger_s)

    def _worth(self, instance: int, worker: int, start: float, home: int) -> tuple[float, float, int]:
        """The least is the best: when results are at hand where they are wanted."""
        end = start + self.terms.seconds[instance]
        away = 0.0 if home in (FLEXIBLE, worker) else self.figures.transfer_s(self._main(instance)[1])
        return end + away, end, worker

    def _main(self, instance: int) -> tuple[int, int]:
        """The one task that takes what this one makes, and the bytes; (-1, 0) for none or several."""
        outputs = self.figures.outputs[instance]
        return outputs[0] if len(outputs) == 1 else (-1, 0)

    def _home(self, instance: int) -> int:
        """The worker that has been given most of what meets where this one's output goes."""
        return self.homes.get(self._main(instance)[0], FLEXIBLE)

    def _take(self, instance: int, worker: int, start: float) -> None:
        group = self.terms.group_of[instance]
        if worker == len(self.slots):
            self.slots.append(_Slots())
            self.members.setdefault(group, []).append(worker)
            self.group_of[worker] = group
            heapq.heappush(self.free.setdefault(group, []), (0.0, worker))
        end = start + self.terms.seconds[instance]
        self.slots[worker].add(start, end)
        self.worker_of[instance], self.start[instance], self.end[instance] = worker, start, end
        consumer, size = self._main(instance)
        if consumer >= 0 and len(self.figures.inputs[consumer]) > 1:
            given = self.given[consumer, worker] = self.given.get((consumer, worker), 0) + size + 1
            home = self.homes.setdefault(consumer, worker)
            if given > self.given.get((consumer, home), 0):
                self.homes[consumer] = worker
