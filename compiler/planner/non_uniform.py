"""The planner `non-uniform`: the best size for all, then less memory for workers that nobody waits for.

It begins with what `uniform` finds: the clusters and the size that are best for the objective. Then workers off the
critical path are downgraded, size by size, and the plan is estimated anew after each step: a step is taken when the
makespan's statistic does not grow and the plan becomes cheaper, and refused when the critical path would go through a
worker that was downgraded. Many workers are downgraded together; a refused step is split in two halves, so that
few steps find what can be spared (group testing). With a deadline the statistic may grow up to it.

Every step is a round; `--rounds` bounds them, by default so many that planning takes some seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf

from compiler.planner.assembly import assemble
from compiler.planner.candidate import Candidate
from compiler.planner.judging import Judge, Judged
from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.planner.uniform import cluster, reasons

ROUNDS = 64
"""Steps that are tried at most, where nobody said how many."""

WORK = 64_000
"""Tasks that these steps go through, in the middle: the larger the graph, the fewer steps. More than a few there are
always."""

FEW_ROUNDS = 6

ALIKE = 0.001
"""By how much the statistic may differ and still be the same: what the estimate can tell apart."""


def plan_non_uniform(problem: Problem) -> Plan:
    """The strategy."""
    judge = Judge(problem)
    found = judge.judge(judge.glance(cluster(problem, judge).candidate))
    search = _Downgrading(problem, judge, found)
    search.run()
    texts = reasons(problem, search.best)
    for instance, worker in enumerate(search.best.candidate.worker_of):
        if (size := search.downgraded.get(worker)) is not None:
            texts[instance] += f"; {size:,} MB will do, off the critical path"
    return assemble(problem, "non-uniform", search.best.candidate.worker_of, search.best.candidate.memory_mb, texts)


def rounds(problem: Problem) -> int:
    """How many steps are tried."""
    if problem.options.rounds is not None:
        return problem.options.rounds
    return max(FEW_ROUNDS, min(ROUNDS, WORK // max(1, len(problem.graph))))


class _Downgrading:
    """The search. `best` is the plan so far, `downgraded` the workers that have less than the best size."""

    def __init__(self, problem: Problem, judge: Judge, found: Judged) -> None:
        deadline_s = problem.objective.deadline_s
        self.problem, self.judge = problem, judge
        self.best = found
        self.limit_s = max(found.statistic_s * (1 + ALIKE), deadline_s or 0.0)
        self.downgraded: dict[int, int] = {}
        self._steps = _steps(problem, found.candidate)
        self._left = rounds(problem)

    def run(self) -> None:
        """Until the rounds are over or nothing is left to try."""
        spared = self._off_the_path(self.best)
        queue = deque([spared] if spared else [])
        while queue and self._left > 0:
            workers = [worker for worker in queue.popleft() if self._lower(worker) is not None]
            if not workers:
                continue
            self._left -= 1
            if self._try(workers):
                queue.append(workers)
            elif len(workers) > 1:
                queue += [workers[: len(workers) // 2], workers[len(workers) // 2 :]]

    def _off_the_path(self, judged: Judged) -> list[int]:
        """Workers that may become smaller, those that cost most first."""
        worker_of = judged.candidate.worker_of
        critical = {worker_of[instance] for instance in judged.middle.critical()}
        busy_s: dict[int, float] = {}
        for instance, worker in enumerate(worker_of):
            if worker in self._steps and worker not in critical:
                busy_s[worker] = busy_s.get(worker, 0.0) + judged.middle.end[instance] - judged.middle.start[instance]
        return sorted(busy_s, key=lambda worker: (-busy_s[worker], worker))

    def _lower(self, worker: int) -> int | None:
        """The next size below, None for the smallest."""
        size = self.best.candidate.memory_mb[worker]
        return max((one for one in self._steps[worker] if one < size), default=None)

    def _try(self, workers: Sequence[int]) -> bool:
        """Give these the next size below, if that harms nothing."""
        lower = {worker: size for worker in workers if (size := self._lower(worker)) is not None}
        before = self.best.candidate
        candidate = Candidate(worker_of=before.worker_of, memory_mb={**before.memory_mb, **lower})
        glanced = self.judge.glance(candidate)
        if self._is_harmful(glanced, lower):
            return False
        judged = self.judge.judge(glanced, self.limit_s)
        if judged.statistic_s > self.limit_s or judged.cost_usd >= self.best.cost_usd:
            return False
        self.best = judged
        self.downgraded |= lower
        return True

    def _is_harmful(self, glanced: Judged, lower: Mapping[int, int]) -> bool:
        """The critical path of a run in the middle has become longer, or goes through one of these now."""
        deadline_s = self.problem.objective.deadline_s or 0.0
        if glanced.middle.makespan_s > max(self.best.middle.makespan_s * (1 + ALIKE), deadline_s):
            return True
        if deadline_s:
            return False
        return any(glanced.candidate.worker_of[instance] in lower for instance in glanced.middle.critical())


def _steps(problem: Problem, candidate: Candidate) -> dict[int, list[int]]:
    """By worker of the planner's the sizes that all its tasks may have."""
    least: dict[int, int] = {}
    most: dict[int, float] = {}
    for instance, worker in enumerate(candidate.worker_of):
        if worker in candidate.memory_mb:
            least[worker] = max(least.get(worker, 0), problem.least_mb(instance))
            most[worker] = min(most.get(worker, inf), problem.most_mb(instance))
    sizes = problem.profile.sizes_mb
    return {
        worker: sorted({low, *(size for size in sizes if low <= size <= most[worker])}) for worker, low in least.items()
    }
