"""The planner `simple`: worker ids by locality alone, in one pass without predictions. The baseline.

Depth by depth, in depth-first order, so that subtrees stay together:

- a *private* task, all of whose inputs have no other consumer (a link of a chain, a fan-in of a tree), goes to
  the worker that holds most of its inputs;
- a *shared* task (one of a fan-out, of a stencil, of a layer that reads the whole layer before it) goes to the
  worker that holds most of its inputs and still has room: no worker takes more than its share, one N-th, of a
  depth's shared tasks. What is left over goes on to the next worker with room;
- roots are dealt in contiguous blocks.

Each class of environment has workers of its own, in proportion to its tasks. User's pins stay, and a
worker that the user named is offered nothing but private tasks of its class. Linear time in tasks and edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count, islice

from compiler.graph.depth_first import depth_first_order, depths
from compiler.graph.model import Graph
from compiler.planner.classes import environment_classes
from compiler.planner.entries import make_entries
from compiler.planner.model import FLEXIBLE, Plan, PlanOptions
from compiler.planner.pins import user_pins
from compiler.planner.problem import Problem

DEFAULT_WORKERS = 8


def plan_simple(problem: Problem) -> Plan:
    """The strategy; it looks at no prediction."""
    return simple(problem.graph, problem.options)


def simple(graph: Graph, options: PlanOptions) -> Plan:
    """Every task on a worker; at most `options.workers` of them besides the user's own, at least one per class."""
    pinned, worker_of = user_pins(graph)
    classes, env_of = environment_classes(graph, python=options.python)
    order = depth_first_order(graph)
    groups = worker_groups(len(pinned), worker_of, env_of, _worker_count(options, len(pinned)))
    assignment = _Assignment(graph, worker_of, env_of, groups)
    for level in _levels(graph, order):
        assignment.assign(level)
    names, worker_of = _named(pinned, worker_of)
    return Plan(
        planner="simple",
        workers=names,
        worker_of=worker_of,
        classes=classes,
        env_of=env_of,
        order=order,
        entries=make_entries(
            graph,
            workers=names,
            worker_of=worker_of,
            classes=classes,
            env_of=env_of,
            order=order,
            concurrency=options.concurrency,
        ),
        reasons=assignment.reasons,
    )


def _worker_count(options: PlanOptions, pinned: int) -> int:
    """What was asked for, else min(8, concurrency); the user's own workers count against the concurrency."""
    wanted = options.workers if options.workers is not None else DEFAULT_WORKERS
    return max(1, min(wanted, options.concurrency - pinned))


def worker_groups(first: int, worker_of: Sequence[int], env_of: Sequence[int], wanted: int) -> dict[int, range]:
    """For each class the workers that serve it, numbered from `first`, the number of the user's."""
    free = Counter(env for env, worker in zip(env_of, worker_of, strict=True) if worker == FLEXIBLE)
    groups: dict[int, range] = {}
    for env, share in shares(free, wanted).items():
        groups[env] = range(first, first + share)
        first += share
    return groups


def _named(pinned: tuple[str, ...], worker_of: Sequence[int]) -> tuple[tuple[str, ...], list[int]]:
    """The worker ids, the user's first, then `w0` and on for new workers that got a task; and the numbers they have."""
    used = sorted(worker for worker in set(worker_of) if worker >= len(pinned))
    fresh = (name for number in count() if (name := f"w{number}") not in pinned)
    number_of = {worker: number for number, worker in enumerate((*range(len(pinned)), *used))}
    return (*pinned, *islice(fresh, len(used))), [number_of[worker] for worker in worker_of]


def shares(tasks: Counter[int], wanted: int) -> dict[int, int]:
    """`wanted` workers dealt to classes in proportion to their tasks: one each first, no more than tasks."""
    shares = dict.fromkeys(sorted(tasks), 1)
    for _ in range(wanted - len(shares)):
        open_classes = [env for env in shares if shares[env] < tasks[env]]
        if not open_classes:
            break
        neediest = max(open_classes, key=lambda env: (tasks[env] / shares[env], -env))
        shares[neediest] += 1
    return shares


def _levels(graph: Graph, order: Sequence[int]) -> list[list[int]]:
    """The instances by depth, each level in depth-first order."""
    depth = depths(graph, order)
    levels: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for instance in order:
        levels[depth[instance]].append(instance)
    return levels


class _Assignment:
    """The pass: fills `worker_of` where it is FLEXIBLE, and says why."""

    def __init__(self, graph: Graph, worker_of: list[int], env_of: Sequence[int], groups: dict[int, range]) -> None:
        self.graph = graph
        self.worker_of = worker_of
        self.env_of = env_of
        self.groups = groups
        self.reasons = ["pinned by the manifest"] * len(worker_of)
        self.env_of_worker = {
            worker: env for worker, env in zip(worker_of, env_of, strict=True) if worker != FLEXIBLE
        } | {worker: env for env, group in groups.items() for worker in group}
        self.consumers = _consumer_counts(graph)

    def assign(self, level: Sequence[int]) -> None:
        """Place one depth: private tasks where their inputs are, then the others by share."""
        shared: dict[int, list[int]] = {}
        for instance in level:
            if self.worker_of[instance] == FLEXIBLE and not self._stay_with_inputs(instance):
                shared.setdefault(self.env_of[instance], []).append(instance)
        for env, instances in shared.items():
            self._spread(instances, self.groups[env])

    def _stay_with_inputs(self, instance: int) -> bool:
        sources = self.graph.in_edges[instance]
        if not sources or any(self.consumers[producer] > 1 for producer, _ in sources):
            return False
        held = self._holders(instance)
        if not held:
            return False
        self.worker_of[instance] = _most(held)
        self.reasons[instance] = "follows its only input" if len(sources) == 1 else "where most of its inputs are"
        return True

    def _holders(self, instance: int) -> dict[int, int]:
        """Workers of the instance's class that hold inputs of it, with the number they hold."""
        env = self.env_of[instance]
        held: dict[int, int] = {}
        for producer, _ in self.graph.in_edges[instance]:
            worker = self.worker_of[producer]
            if self.env_of_worker[worker] == env:
                held[worker] = held.get(worker, 0) + 1
        return held

    def _spread(self, instances: Sequence[int], group: range) -> None:
        """Deal the shared tasks of one depth and class, none above its share: first to holders of inputs, then on."""
        share = _Share(len(instances), group)
        left = [instance for instance in instances if not self._take_share(instance, share)]
        for instance in left:
            self.worker_of[instance] = share.take(share.next_with_room())
            self.reasons[instance] = "a block of the fan-out" if self.graph.in_edges[instance] else "a block of roots"

    def _take_share(self, instance: int, share: _Share) -> bool:
        held = {worker: inputs for worker, inputs in self._holders(instance).items() if share.has_room(worker)}
        if not held:
            return False
        self.worker_of[instance] = share.take(_most(held))
        self.reasons[instance] = "where most of its inputs are, within the worker's share"
        return True


def _most(held: Mapping[int, int]) -> int:
    """The worker that holds most, the first of equals."""
    return max(held, key=lambda worker: (held[worker], -worker))


class _Share:
    """How many of so many tasks each worker of `group` may still take: sizes differ by one at most."""

    def __init__(self, tasks: int, group: range) -> None:
        self._size, self._larger = divmod(tasks, len(group))
        self._taken = dict.fromkeys(group, 0)
        self._cursor = group.start

    def has_room(self, worker: int) -> bool:
        taken = self._taken.get(worker)
        return taken is not None and (taken < self._size or (taken == self._size and self._larger > 0))

    def next_with_room(self) -> int:
        """The first worker that still has room."""
        while not self.has_room(self._cursor):
            self._cursor += 1
        return self._cursor

    def take(self, worker: int) -> int:
        """Count one task for `worker`, which is returned."""
        self._larger -= self._taken[worker] == self._size
        self._taken[worker] += 1
        return worker


def _consumer_counts(graph: Graph) -> list[int]:
    """For each instance the number of distinct consumers."""
    counts = [0] * len(graph)
    for sources in graph.in_edges:
        for producer in {producer for producer, _ in sources}:
            counts[producer] += 1
    return counts
