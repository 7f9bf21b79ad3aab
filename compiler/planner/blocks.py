"""Clusters cut from the depth-first order: neighbours stay together, and each worker gets its share of the work.

What `compiler.planner.simple` does with numbers of tasks and of inputs is done here with predicted seconds and bytes.
Depth by depth: a task none of whose inputs feeds anybody else goes where most of their bytes lie; all others of a depth
are dealt in contiguous blocks, first to workers that hold their inputs and have room, then on. So hardly a byte leaves
its worker where a graph is a tree or many chains, which scheduling task by task does not see. Linear in tasks and
edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.graph.depth_first import depths
from compiler.planner.figures import Figures
from compiler.planner.model import FLEXIBLE
from compiler.planner.simple import worker_groups
from compiler.planner.terms import Terms


def blocks(figures: Figures, terms: Terms) -> list[int]:
    """A worker for each instance, the user's own first."""
    groups = worker_groups(len(terms.class_of_pin), terms.pin_of, terms.group_of, terms.workers)
    cutting = _Cutting(figures, terms, groups)
    problem = figures.problem
    depth = depths(problem.graph, problem.order)
    levels: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for instance in problem.order:
        levels[depth[instance]].append(instance)
    for level in levels:
        cutting.assign(level)
    return cutting.worker_of


class _Cutting:
    def __init__(self, figures: Figures, terms: Terms, groups: Mapping[int, range]) -> None:
        self.figures, self.terms, self.groups = figures, terms, groups
        self.worker_of = list(terms.pin_of)

    def assign(self, level: Sequence[int]) -> None:
        """Place one depth."""
        shared: dict[int, list[int]] = {}
        for instance in level:
            if self.worker_of[instance] == FLEXIBLE and not self._stays(instance):
                shared.setdefault(self.terms.group_of[instance], []).append(instance)
        for group, instances in shared.items():
            self._deal(instances, self.groups[group])

    def _stays(self, instance: int) -> bool:
        """A private task goes where most of its bytes lie."""
        inputs = self.figures.inputs[instance]
        if any(len(self.figures.outputs[producer]) > 1 for producer, _ in inputs):
            return False
        held = self._held(instance, self.groups[self.terms.group_of[instance]])
        if held:
            self.worker_of[instance] = max(held, key=lambda worker: (held[worker], -worker))
        return bool(held)

    def _held(self, instance: int, group: range) -> dict[int, int]:
        """Workers of the group, and the user's of the same class, that hold inputs; a byte more than these have, so
        that an empty one counts, too."""
        pins, own = self.terms.class_of_pin, self.terms.class_of[instance]
        held: dict[int, int] = {}
        for producer, size in self.figures.inputs[instance]:
            worker = self.worker_of[producer]
            if worker in group or (worker < len(pins) and pins[worker] == own):
                held[worker] = held.get(worker, 0) + size + 1
        return held

    def _deal(self, instances: Sequence[int], group: range) -> None:
        """None above its share of the seconds, but for the last task that reaches beyond it."""
        seconds = self.terms.seconds
        share = sum(seconds[instance] for instance in instances) / len(group)
        room = dict.fromkeys(group, share)
        left = []
        for instance in instances:
            held = self._held(instance, group)
            roomy = [worker for worker in held if room.get(worker, 0.0) >= seconds[instance] / 2]
            if roomy:
                worker = max(roomy, key=lambda one: (held[one], -one))
                self.worker_of[instance] = worker
                room[worker] -= seconds[instance]
            else:
                left.append(instance)
        at = group.start
        for instance in left:
            while at < group.stop - 1 and room[at] < seconds[instance] / 2:
                at += 1
            self.worker_of[instance] = at
            room[at] -= seconds[instance]
