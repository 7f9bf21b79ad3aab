"""Candidates by blocks: what belongs together stays together, and every worker gets the same share of the work.

Depth by depth, in depth-first order, so that what meets again lies side by side: a task whose inputs nobody else wants
goes where most of their bytes are; the others of a depth go where most of their bytes are as far as there is room, and
on in contiguous blocks. Room is a share of the seconds that the depth takes, so that long tasks get short company.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.depth_first import depths
from compiler.planner.model import FLEXIBLE
from compiler.planner.search.candidate import Candidate
from compiler.planner.search.weights import Group, Weights


def in_blocks(weights: Weights, workers: int, memory_mb: int) -> Candidate:
    """So many workers of each group, of that size, besides the user's own. Linear in tasks and edges."""
    return _Blocks(weights, workers, memory_mb).run()


class _Blocks:
    def __init__(self, weights: Weights, workers: int, memory_mb: int) -> None:
        self.weights, self.memory_mb = weights, memory_mb
        self.seconds = weights.seconds(memory_mb)
        self.groups = weights.groups(memory_mb)
        self.worker_of = list(weights.problem.pins[1])
        first = len(weights.problem.pins[0])
        self.ranges: dict[Group, range] = {}
        for group in dict.fromkeys(self.groups):
            self.ranges[group] = range(first, first + workers)
            first += workers
        self.outlets = [len({consumer for consumer, _ in rows}) for rows in weights.quick.consumers]

    def run(self) -> Candidate:
        for level in self._levels():
            shared: dict[Group, list[int]] = {}
            for instance in level:
                if self.worker_of[instance] == FLEXIBLE and not self._stays(instance):
                    shared.setdefault(self.groups[instance], []).append(instance)
            for group, instances in shared.items():
                self._deal(instances, self.ranges[group])
        memory = {
            self.worker_of[instance]: self.weights.clamped(instance, self.memory_mb)
            for instance in range(len(self.worker_of))
        }
        return Candidate(worker_of=self.worker_of, memory_mb=memory, origin="in a block of its depth")

    def _levels(self) -> list[list[int]]:
        order = self.weights.problem.order
        depth = depths(self.weights.problem.graph, order)
        levels: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
        for instance in order:
            levels[depth[instance]].append(instance)
        return levels

    def _stays(self, instance: int) -> bool:
        """It alone wants its inputs: it goes where most of them are."""
        sources = self.weights.inputs[instance]
        if not sources or any(self.outlets[producer] > 1 for producer, _ in sources):
            return False
        held = self._held(instance)
        if not held:
            return False
        self.worker_of[instance] = max(held, key=lambda worker: (held[worker], -worker))
        return True

    def _held(self, instance: int) -> dict[int, int]:
        """Bytes of its inputs by worker of its group; one at least for each input."""
        found: dict[int, int] = {}
        group = self.groups[instance]
        for producer, size in self.weights.inputs[instance]:
            if self.groups[producer] == group:
                worker = self.worker_of[producer]
                found[worker] = found.get(worker, 0) + size + 1
        return found

    def _deal(self, instances: Sequence[int], workers: range) -> None:
        share = sum(self.seconds[instance] for instance in instances) / len(workers) + 1e-9
        taken = dict.fromkeys(workers, 0.0)
        left = []
        for instance in instances:
            held = {worker: size for worker, size in self._held(instance).items() if taken.get(worker, share) < share}
            if held:
                self._take(instance, max(held, key=lambda worker: (held[worker], -worker)), taken)
            else:
                left.append(instance)
        at = workers.start
        for instance in left:
            while at < workers.stop - 1 and taken[at] + self.seconds[instance] / 2 > share:
                at += 1
            self._take(instance, at, taken)

    def _take(self, instance: int, worker: int, taken: dict[int, float]) -> None:
        self.worker_of[instance] = worker
        taken[worker] += self.seconds[instance]
