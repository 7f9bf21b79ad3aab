"""Candidates by list scheduling: tasks in order of urgency, each to the worker on which it ends first.

After HEFT (Topcuoglu et al., "Performance-effective and low-complexity task scheduling for heterogeneous computing",
2002), with what serverless workers add: a worker that nobody has called yet has to start, one that has had nothing to
do for a while has left, and only so many may live at once. A task on the critical path is the more urgent one, so it
has first claim on the worker of its critical producer.

Looked at are the workers that hold inputs, the one that is free first, and a new one: linear time in tasks and edges,
but for a logarithm.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from compiler.planner.model import FLEXIBLE
from compiler.planner.search.candidate import Candidate
from compiler.planner.search.weights import Group, Weights

HOLDERS = 6
"""So many workers that hold inputs are looked at, those with most bytes."""


def listed(weights: Weights, workers: int, memory_mb: int) -> Candidate:
    """At most so many workers of each group, of that size, besides the user's own."""
    return _Schedule(weights, workers, memory_mb).run()


def upward_ranks(weights: Weights, seconds: Sequence[float]) -> list[float]:
    """By instance what is left to do from its start on, along the longest way, when everything changes its worker."""
    trip_s = weights.quick.conditions.round_trip_s
    rate = weights.quick.conditions.environment_bytes_per_s
    ranks = [0.0] * len(seconds)
    for instance in reversed(weights.problem.order):
        rest = 0.0
        for consumer, size in weights.quick.consumers[instance]:
            rest = max(rest, ranks[consumer] + weights.sent_s(size) + trip_s + size / rate)
        ranks[instance] = seconds[instance] + rest
    return ranks


@dataclass(slots=True)
class _Worker:
    """One that is called: when it is free, and what it may run."""

    number: int
    free: float


@dataclass(slots=True)
class _Team:
    """The workers of one group, and a heap of them by when they are free, with entries that may be out of date."""

    limit: int
    count: int = 0
    heap: list[tuple[float, int]] = field(default_factory=list)


class _Schedule:
    """One pass."""

    def __init__(self, weights: Weights, workers: int, memory_mb: int) -> None:
        self.weights, self.memory_mb = weights, memory_mb
        self.seconds = weights.seconds(memory_mb)
        self.groups = weights.groups(memory_mb)
        conditions = weights.quick.conditions
        self.trip_s, self.rate = conditions.round_trip_s, conditions.environment_bytes_per_s
        self.linger_s = weights.quick.linger_s
        self.worker_of = list(weights.problem.pins[1])
        self.end = [0.0] * len(self.seconds)
        self.workers: dict[int, _Worker] = {}
        self.group_of: dict[int, Group] = {}
        self.teams: dict[Group, _Team] = {group: _Team(workers) for group in set(self.groups)}
        self.fresh = len(weights.problem.pins[0])
        self._starts: dict[tuple[int, str], float] = {}

    def run(self) -> Candidate:
        for instance in self._by_urgency():
            self._place(instance)
        return Candidate(
            worker_of=self.worker_of,
            memory_mb={
                self.worker_of[instance]: self.weights.clamped(instance, self.memory_mb)
                for instance in range(len(self.worker_of))
            },
            origin="where it ends first",
        )

    def _by_urgency(self) -> Iterator[int]:
        """Producers first, of those that are ready the one with the longest way to go."""
        quick, place = self.weights.quick, self.weights.position
        ranks = upward_ranks(self.weights, self.seconds)
        lacking = list(quick.needs)
        ready = [(-ranks[root], place[root], root) for root in quick.roots]
        heapq.heapify(ready)
        while ready:
            instance = heapq.heappop(ready)[2]
            yield instance
            for consumer, _ in quick.consumers[instance]:
                lacking[consumer] -= 1
                if not lacking[consumer]:
                    heapq.heappush(ready, (-ranks[consumer], place[consumer], consumer))

    def _place(self, instance: int) -> None:
        arrivals = _Arrivals(self, instance)
        if (pin := self.weights.problem.pins[1][instance]) != FLEXIBLE:
            best = self._on(instance, pin, arrivals)
        else:
            best = min(self._options(instance, arrivals))
        end, _, worker = best
        if worker not in self.workers:
            self._open(worker, self.groups[instance])
        self.workers[worker].free = self.end[instance] = end
        self.worker_of[instance] = worker
        heapq.heappush(self.teams[self.groups[instance]].heap, (end, worker))

    def _open(self, worker: int, group: Group) -> None:
        self.workers[worker] = _Worker(worker, 0.0)
        self.group_of[worker] = group
        self.teams[group].count += 1
        self.fresh = max(self.fresh, worker + 1)

    def _options(self, instance: int, arrivals: _Arrivals) -> Iterator[tuple[float, int, int]]:
        """End, preference and number: of equals one that holds inputs, then one that exists, then a new one."""
        group = self.groups[instance]
        team = self.teams[group]
        for worker in arrivals.holders:
            if self.group_of[worker] == group:
                yield self._on(instance, worker, arrivals)
        while team.heap and self.workers[team.heap[0][1]].free != team.heap[0][0]:
            heapq.heappop(team.heap)
        if team.heap:
            end, _, worker = self._on(instance, team.heap[0][1], arrivals)
            yield end, 1, worker
        if team.count < team.limit:
            end, _, worker = self._on(instance, self.fresh, arrivals)
            yield end, 2, worker

    def _on(self, instance: int, number: int, arrivals: _Arrivals) -> tuple[float, int, int]:
        """When the instance would end there."""
        local, stored, fetch_s = arrivals.at(number)
        worker = self.workers.get(number)
        if worker is None:
            start = stored + self._start_s(instance, "cold") + fetch_s
        elif stored > worker.free + self.linger_s:
            start = max(local, stored + self._start_s(instance, "warm") + fetch_s)
        else:
            start = max(worker.free, local, stored + fetch_s)
        return start + self.seconds[instance], 0, number

    def _start_s(self, instance: int, state: str) -> float:
        key = self.weights.problem.classes[1][instance], state
        if key not in self._starts:
            self._starts[key] = self.weights.start_s(instance, self.memory_mb, state)
        return self._starts[key]


class _Arrivals:
    """When the inputs of one instance are at hand, by the worker on which it would run."""

    def __init__(self, schedule: _Schedule, instance: int) -> None:
        self._trip_s, self._rate = schedule.trip_s, schedule.rate
        groups: dict[int, list[float]] = {}
        for producer, size in schedule.weights.inputs[instance]:
            end = schedule.end[producer]
            stored = end + schedule.weights.sent_s(size)
            worker = schedule.worker_of[producer]
            found = groups.get(worker)
            if found is None:
                groups[worker] = [end, stored, float(size)]
            else:
                found[0], found[1], found[2] = max(found[0], end), max(found[1], stored), found[2] + size
        self._groups = groups
        self._bytes = sum(one[2] for one in groups.values())
        latest = heapq.nlargest(2, ((one[1], worker) for worker, one in groups.items()))
        self._latest = (*latest, (0.0, -2), (0.0, -2))[:2]
        self.holders: Sequence[int] = (
            list(groups)
            if len(groups) <= HOLDERS
            else heapq.nlargest(HOLDERS, groups, key=lambda worker: (groups[worker][2], -worker))
        )

    def at(self, worker: int) -> tuple[float, float, float]:
        """When the inputs made there have ended, when the others are stored, and what fetching these takes."""
        own = self._groups.get(worker)
        stored = self._latest[1][0] if self._latest[0][1] == worker else self._latest[0][0]
        if own is None:
            fetch_s = self._trip_s + self._bytes / self._rate if self._groups else 0.0
            return 0.0, stored, fetch_s
        away = self._bytes - own[2]
        fetch_s = self._trip_s + away / self._rate if len(self._groups) > 1 else 0.0
        return own[0], stored if len(self._groups) > 1 else 0.0, fetch_s
