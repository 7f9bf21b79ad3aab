"""What a search keeps to: the memory that each instance may have, the sizes worth a try, and who may share a worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from compiler.planner.problem import Problem
from compiler.planner.quick import Quick


@dataclass(kw_only=True, eq=False)
class Limits:
    """One problem's."""

    problem: Problem
    quick: Quick

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """By instance the least and the most memory that it may have."""
        problem, known = self.problem, dict[tuple[int, int], tuple[int, int]]()
        graph = problem.graph
        for instance in range(len(graph)):
            key = graph.family_of[instance], graph.options[instance]
            if key not in known:
                known[key] = problem.least_mb(instance), problem.most_mb(instance)
        return [known[key] for key in zip(graph.family_of, graph.options, strict=True)]

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

    def size_of(self, memory_mb: int) -> list[int]:
        """By instance what of a size it may have."""
        return [min(max(memory_mb, least), most) for least, most in self.bounds]

    def work(self, memory_mb: int) -> float:
        """Seconds of all tasks together."""
        return sum(self.quick.figures.seconds_at(self.size_of(memory_mb)))
