"""The judge of a search: simulations of candidates within a declared amount of work.

Many are looked at roughly, with few simulations each; a few, the best of them, as `look_ahead` looks at any plan. All
are judged by the same draws, so that what is told apart is the plans and not the weather. A graph so large that two
outlooks are too much work is judged by one run each, in which everything takes what it takes in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from compiler.planner.cost import timeline_cost
from compiler.planner.model import Plan
from compiler.planner.outlook import WORK as OUTLOOK_WORK
from compiler.planner.outlook import look_ahead, middle_run
from compiler.planner.problem import Problem
from compiler.planner.search.candidate import Candidate, plan_of
from compiler.planner.search.objective import Figures
from compiler.simulate.estimate import REFERENCES
from compiler.simulate.world import Deadlock

ROUGH_WORK = 50_000
"""Tasks that rough looks of one search go through, all together."""

FINAL_WORK = 80_000
"""The same of final ones."""

ROUGH_RUNS = 4
ROUGH_MOST, FINAL_MOST = 40, 5
LEAST = 2
LARGE = 30_000
"""Tasks from which on a candidate is judged by one run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    candidate: Candidate
    plan: Plan
    figures: Figures


class Judge:
    """One search's. `left` rough looks may still be taken."""

    def __init__(self, problem: Problem, planner: str) -> None:
        self._problem, self._planner = problem, planner
        self._count = max(1, len(problem.graph))
        self._is_large = self._count > LARGE
        self._rough_runs = max(1, min(ROUGH_RUNS, OUTLOOK_WORK // self._count // 4))
        self.left = _times(ROUGH_WORK, self._cost(self._rough_runs), ROUGH_MOST)
        self._known: dict[tuple[object, ...], Judged | None] = {}

    @property
    def found(self) -> list[Judged]:
        """All that was looked at roughly, in order."""
        return [one for one in self._known.values() if one is not None]

    def look(self, candidates: Sequence[Candidate], most: int) -> None:
        """Look at so many of them at most, the first first, as far as there is work left. One that cannot end is left
        out: its workers wait for one another."""
        for candidate in candidates:
            if most <= 0 or self.left <= 0:
                return
            if (key := candidate.key()) not in self._known:
                self.left, most = self.left - 1, most - 1
                self._known[key] = self._judged(candidate, self._rough_runs)

    def of(self, candidate: Candidate) -> Judged | None:
        """What came of a candidate, if it was looked at and can end."""
        return self._known.get(candidate.key())

    def finals(self, rank: Callable[[Figures], tuple[float, ...]]) -> list[Judged]:
        """The best of those, looked at as closely as any plan is."""
        best = sorted(self.found, key=lambda one: rank(one.figures))
        if self._is_large:
            return best
        runs = max(1, min(REFERENCES, OUTLOOK_WORK // self._count))
        close = [self._judged(one.candidate, runs) for one in best[: _times(FINAL_WORK, self._cost(runs), FINAL_MOST)]]
        return [one for one in close if one is not None]

    def _cost(self, runs: int) -> int:
        """Tasks that one look goes through."""
        return self._count * (1 if self._is_large else runs + 1)

    def _judged(self, candidate: Candidate, runs: int) -> Judged | None:
        problem = self._problem
        plan = plan_of(problem, self._planner, candidate)
        try:
            if self._is_large:
                timeline = middle_run(problem, plan).timeline
                figures = Figures(seconds=timeline.makespan_s, usd=timeline_cost(timeline, problem.profile).usd)
            else:
                outlook = look_ahead(problem, plan, work=runs * self._count)
                figures = Figures(seconds=outlook.statistic(problem.objective), usd=outlook.cost.usd)
        except Deadlock:
            return None
        return Judged(candidate=candidate, plan=plan, figures=figures)


def _times(work: int, each: int, most: int) -> int:
    return min(most, max(LEAST, work // each))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the quick estimate's figures are to be multiplied by, as candidates show that both have judged."""

    seconds: float = 1.0
    usd: float = 1.0

    @classmethod
    def of(cls, pairs: Sequence[tuple[Figures, Figures]]) -> Scale:
        """From estimates with their judgements."""
        seconds = [judged.seconds / rough.seconds for rough, judged in pairs if rough.seconds > 0]
        usd = [judged.usd / rough.usd for rough, judged in pairs if rough.usd > 0]
        return cls(seconds=median(seconds) if seconds else 1.0, usd=median(usd) if usd else 1.0)

    def __call__(self, rough: Figures) -> Figures:
        return Figures(seconds=rough.seconds * self.seconds, usd=rough.usd * self.usd)
