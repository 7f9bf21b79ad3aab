"""The planner `dask`: the workers that Dask's scheduler would choose, to compare with.

Dask decides when a task becomes ready, so its decisions are followed in virtual time, with predicted times and sizes
(distributed/scheduler.py, version 2026.8; https://distributed.dask.org/en/stable/scheduling-policies.html):

- each worker runs what it was given in the order of `compiler.planner.dask_order`;
- a task goes to one of the workers that hold inputs of it, to that on which it would start first: what the worker has
  to do yet (its occupancy) and the missing bytes by the bandwidth; of equals to the one that holds fewer bytes;
- *root-ish* tasks, of families much larger than the cluster that hardly depend on anything, go to workers in
  contiguous blocks (co-assignment), so that neighbours meet;
- a value that was fetched is held from then on by both;
- a worker without work steals from the most occupied one, the least urgent task first, where that gains more than
  the bytes cost (distributed/stealing.py).

The cluster has `--workers` workers, or as many as environments may live at once, each with one thread and the default
size.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Mapping, Sequence

from compiler.graph.model import Graph
from compiler.planner.assembly import assemble
from compiler.planner.dask_order import dask_order
from compiler.planner.figures import Figures
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem
from compiler.planner.simple import worker_groups

FEW_DEPENDENCIES = 5
"""`rootish-taskgroup` and `rootish-taskgroup-dependencies` of Dask's configuration."""


def plan_dask(problem: Problem) -> Plan:
    """The strategy."""
    scheduler = _Scheduler(problem)
    scheduler.run()
    return assemble(problem, "dask", scheduler.worker_of, {}, scheduler.reasons)


class _Scheduler:
    """Dask's scheduler and its workers in virtual time."""

    def __init__(self, problem: Problem) -> None:
        graph, (names, pin_of), options = problem.graph, problem.pins, problem.options
        self.problem, self.graph = problem, graph
        self.figures = Figures(problem)
        self.seconds = self.figures.seconds_at([env.memory_mb for env in map(problem.base_env, range(len(graph)))])
        wanted = options.workers if options.workers is not None else options.concurrency - len(names)
        self.groups = worker_groups(len(names), pin_of, problem.classes[1], max(1, wanted))
        self.priority = [0] * len(graph)
        for number, instance in enumerate(dask_order(graph)):
            self.priority[instance] = number
        self.rootish = _rootish_families(graph, sum(map(len, self.groups.values())))
        count = max((group.stop for group in self.groups.values()), default=len(names))
        self.workers = [_Worker() for _ in range(count)]
        self.worker_of = [FLEXIBLE] * len(graph)
        self.reasons = ["pinned by the manifest"] * len(graph)
        self.lacking = [len(sources) for sources in graph.in_edges]
        self.who_has: list[set[int]] = [set() for _ in range(len(graph))]
        self.blocks: dict[int, tuple[int, int]] = {}
        """By family the worker that gets its next tasks, and how many more."""
        self.heap: list[tuple[float, int, int]] = []
        self.now = 0.0

    def run(self) -> None:
        self._ready([instance for instance, count in enumerate(self.lacking) if not count])
        while self.heap:
            self.now, _, instance = heapq.heappop(self.heap)
            self._ended(instance)

    def _ready(self, instances: Sequence[int]) -> None:
        """Tasks that lack nothing any more, decided upon by priority."""
        touched: dict[int, None] = {}
        for instance in sorted(instances, key=self.priority.__getitem__):
            number = self._decide(instance)
            takes = self.seconds[instance] + self._missing(instance, number) * 2 * self.figures.byte_s
            self.workers[number].give(self.priority[instance], instance, takes)
            self.worker_of[instance] = number
            touched[number] = None
        for number in touched:
            self._go_on(number)
        for group in self.groups.values() if touched else ():
            self._steal(group)

    def _go_on(self, number: int) -> None:
        """The most urgent task that it was given, when it has a hand free."""
        worker = self.workers[number]
        if not worker.running and worker.queue:
            _, instance, takes = worker.queue.pop()
            worker.running = takes
            heapq.heappush(self.heap, (self.now + takes, self.priority[instance], instance))

    def _steal(self, group: range) -> None:
        """Workers without work take from the most occupied, one task each, as long as one would end earlier."""
        for thief in self._idle(group):
            victims = [number for number in group if self.workers[number].queue]
            if not victims:
                return
            victim = max(victims, key=lambda number: (self.workers[number].occupancy, -number))
            if not self._move(victim, thief):
                return

    def _idle(self, group: range) -> list[int]:
        return [number for number in group if not self.workers[number].running and not self.workers[number].queue]

    def _move(self, victim: int, thief: int) -> bool:
        """Whether the least urgent task of one worker would end earlier on the other, which then has it."""
        priority, instance, takes = self.workers[victim].queue[0]
        if self.problem.is_pinned(instance):
            return False
        seconds = self.seconds[instance]
        would_take = seconds + self._missing(instance, thief) * 2 * self.figures.byte_s
        if self.workers[thief].occupancy + would_take > self.workers[victim].occupancy - takes / 2:
            return False
        self.workers[victim].queue.pop(0)
        self.workers[victim].occupancy -= takes
        self.workers[thief].give(priority, instance, would_take)
        self.worker_of[instance] = thief
        self.reasons[instance] = "taken from a worker with too much to do"
        self._go_on(thief)
        return True

    def _ended(self, instance: int) -> None:
        number = self.worker_of[instance]
        worker = self.workers[number]
        worker.occupancy, worker.running = worker.occupancy - worker.running, 0.0
        self._hold(number, instance)
        for producer, _ in self.figures.inputs[instance]:
            self._hold(number, producer)
        ready = []
        for consumer, _ in self.figures.outputs[instance]:
            self.lacking[consumer] -= 1
            if not self.lacking[consumer]:
                ready.append(consumer)
        self._ready(ready)
        self._go_on(number)
        if not worker.running:
            self._steal(self._group_of(number))

    def _hold(self, number: int, instance: int) -> None:
        if number not in self.who_has[instance]:
            self.who_has[instance].add(number)
            self.workers[number].nbytes += max((size for _, size in self.figures.outputs[instance]), default=0)

    def _group_of(self, number: int) -> range:
        """The workers with which it shares tasks; nobody's with a worker of the user's."""
        return next((group for group in self.groups.values() if number in group), range(0))

    # ---- decisions --------------------------------------------------------------------------------------

    def _decide(self, instance: int) -> int:
        if (pin := self.problem.pins[1][instance]) != FLEXIBLE:
            return pin
        group = self.groups[self.problem.classes[1][instance]]
        if self.graph.family_of[instance] in self.rootish:
            return self._in_block(instance, group)
        held = self._held(instance, group)
        if not held:
            self.reasons[instance] = "the least occupied worker"
            return min(group, key=lambda number: (self.workers[number].occupancy, self.workers[number].nbytes, number))
        self.reasons[instance] = "holds its inputs" if len(held) == 1 else "holds inputs, and would start it first"
        return min(held, key=lambda number: self._objective(number, held[number]))

    def _in_block(self, instance: int, group: range) -> int:
        """The worker that the last one of the family got, until its block is full."""
        family = self.graph.family_of[instance]
        number, left = self.blocks.get(family, (FLEXIBLE, 0))
        if not left or number not in group:
            idle = self._idle(group) or group
            held = self._held(instance, group)
            number = min(idle, key=lambda one: self._objective(one, held.get(one, 0)))
            left = max(1, self.graph.families[family].count // len(group))
        self.blocks[family] = number, left - 1
        self.reasons[instance] = "a block of a wide family"
        return number

    def _objective(self, number: int, held: int) -> tuple[float, int, int]:
        """When a task would start there, but for the bytes that it needs whatever worker it gets."""
        worker = self.workers[number]
        return worker.occupancy - held * 2 * self.figures.byte_s, worker.nbytes, number

    def _held(self, instance: int, group: range) -> Mapping[int, int]:
        """Workers of the group that hold inputs, and the bytes."""
        held: dict[int, int] = {}
        for producer, size in self.figures.inputs[instance]:
            for number in sorted(self.who_has[producer]):
                if number in group:
                    held[number] = held.get(number, 0) + size
        return held

    def _missing(self, instance: int, number: int) -> int:
        return sum(size for producer, size in self.figures.inputs[instance] if number not in self.who_has[producer])


class _Worker:
    """`occupancy` is what it has to do yet, in seconds; `queue` what it may begin; `running` what its task takes."""

    __slots__ = ("nbytes", "occupancy", "queue", "running")

    def __init__(self) -> None:
        self.occupancy = self.running = 0.0
        self.queue: list[tuple[int, int, float]] = []
        self.nbytes = 0

    def give(self, priority: int, instance: int, takes: float) -> None:
        """The most urgent task is the last of the queue."""
        insort(self.queue, (-priority, instance, takes))
        self.occupancy += takes


def _rootish_families(graph: Graph, threads: int) -> frozenset[int]:
    """Families of more than two tasks a thread, which depend on less than five tasks of less than five families."""
    needs: list[set[int]] = [set() for _ in graph.families]
    for instance, sources in enumerate(graph.in_edges):
        needs[graph.family_of[instance]].update(graph.family_of[producer] for producer, _ in sources)
    found = []
    for number, family in enumerate(graph.families):
        tasks = sum(graph.families[one].count for one in needs[number])
        if family.count > 2 * threads and len(needs[number]) < FEW_DEPENDENCIES and tasks < FEW_DEPENDENCIES:
            found.append(number)
    return frozenset(found)
