"""The judge of a search: simulations of candidates, as many as the effort allows.

Many are looked at roughly: one run in the middle, and the draws beside it. A few, the best of them, are looked at as
`look_ahead` looks at any plan. All are judged by the same draws, so that what is told apart is the plans and not the
weather. Of a large graph the run in the middle has to do.
Figures are those that would be promised, by which deadlines are met or missed: set right by earlier runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from compiler.planner.candidate import Candidate, plan_of
from compiler.planner.cost import timeline_cost
from compiler.planner.model import Plan
from compiler.planner.outlook import Outlook, look_ahead, middle_run, runs_worth
from compiler.planner.problem import Problem
from compiler.planner.recalibration import recalibrated
from compiler.planner.search.effort import FINAL, ROUGH, Effort
from compiler.planner.search.estimates import LARGE
from compiler.planner.search.objective import Figures
from compiler.simulate.world import Deadlock

ROUGH_LEAST, ROUGH_MOST = 6, 60
FINAL_LEAST, FINAL_MOST = 4, 8
NEAR, LACKING = 1.25, 0.05
"""How many times the best's seconds a plan may have by a rough look, and how much more it may lack of what is wanted,
to be worth a close one: a tail says little of itself in a single run."""

LARGE_LEAST = 2
"""Looks at a large graph."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    candidate: Candidate
    plan: Plan
    figures: Figures
    outlook: Outlook | None = None
    """Where it was looked at closely."""


class Judge:
    """One search's. `left` rough looks may still be taken."""

    def __init__(self, problem: Problem, planner: str, effort: Effort) -> None:
        self._problem, self._planner, self._effort = problem, planner, effort
        self._is_large = len(problem.graph) > LARGE
        least = LARGE_LEAST if self._is_large else ROUGH_LEAST
        self.left = effort.simulations(ROUGH, least, ROUGH_MOST)
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
                self._known[key] = self._judged(candidate, 1)

    def of(self, candidate: Candidate) -> Judged | None:
        """What came of a candidate, if it was looked at and can end."""
        return self._known.get(candidate.key())

    def finals(self, rank: Callable[[Figures], tuple[float, ...]], also: Sequence[Candidate]) -> list[Judged]:
        """The best of those, and which of `also` come near, looked at as closely as any plan is."""
        best = sorted(self.found, key=lambda one: rank(one.figures))
        runs = runs_worth(self._problem, best[0].figures.seconds) if best else 0
        if runs <= 1 or self._is_large:
            return best
        count = self._effort.simulations(FINAL, FINAL_LEAST, FINAL_MOST, runs + 1)
        wanted = {candidate.key() for candidate in also}
        lacking, most_s = rank(best[0].figures)[0] + LACKING, NEAR * best[0].figures.seconds
        chosen = best[:count] + [
            one
            for one in best[count:]
            if one.candidate.key() in wanted and one.figures.seconds <= most_s and rank(one.figures)[0] <= lacking
        ]
        close = [self._judged(one.candidate, None) for one in chosen]
        return [one for one in close if one is not None]

    def _judged(self, candidate: Candidate, runs: int | None) -> Judged | None:
        problem = self._problem
        plan = plan_of(problem, self._planner, candidate)
        try:
            if self._is_large:
                timeline = middle_run(problem, plan).timeline
                figures = Figures(seconds=timeline.makespan_s, usd=timeline_cost(timeline, problem.profile).usd)
                return Judged(candidate=candidate, plan=plan, figures=figures)
            outlook = look_ahead(problem, plan, runs=runs)
        except Deadlock:
            return None
        promised = recalibrated(problem, self._planner, outlook)
        figures = Figures(seconds=promised.statistic(problem.objective), usd=outlook.cost.usd)
        return Judged(candidate=candidate, plan=plan, figures=figures, outlook=None if runs else outlook)


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
