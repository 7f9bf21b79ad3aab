"""What constructors of candidates weigh: times, bytes, starts, and who may share a worker with whom.

Everything is the middle of its distribution; percentiles are the business of who chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from compiler.planner.model import FLEXIBLE
from compiler.planner.problem import Problem
from compiler.planner.quick import Quick
from compiler.planner.search.objective import is_bounded

Group = tuple[object, ...]
"""What tasks must have in common to share a worker of one size; the name of the user's own worker."""


@dataclass(kw_only=True, eq=False)
class Weights:
    """One problem's."""

    problem: Problem
    quick: Quick

    @cached_property
    def inputs(self) -> list[list[tuple[int, int]]]:
        """By instance its producers with the bytes of each edge."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.quick.needs]
        for producer, rows in enumerate(self.quick.consumers):
            for consumer, size in rows:
                found[consumer].append((producer, size))
        return found

    @cached_property
    def position(self) -> Sequence[int]:
        """By instance its place in the depth-first order."""
        places = [0] * len(self.problem.order)
        for place, instance in enumerate(self.problem.order):
            places[instance] = place
        return places

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """By instance the least and the most memory that it may have. What it needed in earlier runs says little of a
        run with more to do, so that nothing is made smaller than its class unless a deadline or a budget asks for it.
        """
        problem, known = self.problem, dict[tuple[int, int], tuple[int, int]]()
        graph = problem.graph
        for instance in range(len(graph)):
            key = graph.family_of[instance], graph.options[instance]
            if key not in known:
                known[key] = self._least_mb(instance), problem.most_mb(instance)
        return [known[key] for key in zip(graph.family_of, graph.options, strict=True)]

    def _least_mb(self, instance: int) -> int:
        least = self.problem.least_mb(instance)
        return least if is_bounded(self.problem.objective) else max(least, self.problem.base_env(instance).memory_mb)

    @cached_property
    def kinds(self) -> list[tuple[str, str, str]]:
        """By instance what it must have in common with those that share its environment."""
        problem = self.problem
        known = {env: (one.arch, one.python, one.layer) for env, one in enumerate(problem.classes[0])}
        return [known[env] for env in problem.classes[1]]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The memory sizes worth a try, in order. One that makes nothing faster than a smaller one is not."""
        profile = self.problem.profile
        least = min((low for low, _ in self.bounds), default=profile.memory_min_mb)
        most = max((high for _, high in self.bounds), default=profile.memory_max_mb)
        tried = sorted({least, *(size for size in profile.sizes_mb if least < size <= most)})
        kept = tried[:1]
        for size in tried[1:]:
            if self.work(size) < self.work(kept[-1]) * 0.999:
                kept.append(size)
        return tuple(kept)

    def clamped(self, instance: int, memory_mb: int) -> int:
        """What of a size the instance may have."""
        least, most = self.bounds[instance]
        return min(max(memory_mb, least), most)

    def seconds(self, memory_mb: int) -> list[float]:
        """By instance what it takes, with as much of that size as it may have."""
        if memory_mb not in self._seconds:
            self._seconds[memory_mb] = [
                self.quick.seconds(self.clamped(instance, memory_mb))[instance] for instance in range(len(self.bounds))
            ]
        return self._seconds[memory_mb]

    @cached_property
    def _seconds(self) -> dict[int, list[float]]:
        return {}

    def work(self, memory_mb: int) -> float:
        """Seconds of all tasks together."""
        return sum(self.seconds(memory_mb))

    def groups(self, memory_mb: int) -> list[Group]:
        """By instance its group, when workers are to have that size."""
        return [
            (*self.kinds[instance], self.clamped(instance, memory_mb))
            if pin == FLEXIBLE
            else (self.problem.pins[0][pin],)
            for instance, pin in enumerate(self.problem.pins[1])
        ]

    def sent_s(self, size: int) -> float:
        """From the end of a task to its output being in the store."""
        conditions = self.quick.conditions
        return conditions.commit_s + conditions.round_trip_s + size / conditions.environment_bytes_per_s

    def start_s(self, instance: int, memory_mb: int, state: str) -> float:
        """From the call of a worker to its first task, without its inputs."""
        conditions, platform = self.quick.conditions, self.problem.predictions.platform
        env = self.problem.base_env(instance)
        code_s = platform.code_load_s if state == "cold" else 0.0
        return platform.start(env.name, state).median + code_s + conditions.invoke_s + 2 * conditions.round_trip_s
