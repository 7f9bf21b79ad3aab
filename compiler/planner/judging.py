"""How a planner that searches judges candidates: quick estimates, in the middle and in the weather of several runs.

The statistic of the objective (a percentile, or the average) is that of the makespan's own distribution: each
candidate meets the same few drawn runs (common random numbers), so that two candidates differ by what they are and not
by luck. The last few may be simulated. What a plan promises is `compiler.planner.outlook`'s; here plans are only
compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, inf
from typing import TYPE_CHECKING

from compiler.manifest.model import Sla
from compiler.planner.candidate import Candidate, plan_of
from compiler.planner.problem import Problem
from compiler.planner.quick import Quick
from compiler.planner.quick_run import Rough

if TYPE_CHECKING:
    from compiler.planner.weather import Weather

RUNS = 12
"""Drawn runs in which a candidate is judged."""

WORK = 40_000
"""Tasks that these go through for one candidate: of a large graph fewer runs are looked at, whose makespans are the sum
of so many parts that they hardly differ."""

GUESSED_RUNS = 3
"""The same where something has never run: guesses are not worth more."""

SIMULATIONS = 4
SIMULATED = 2_000
"""Simulations of one candidate, and the tasks that they go through at most; a larger graph is not simulated. A graph of
guesses is simulated in the middle alone."""

ALIKE = 0.02
"""Of candidates whose statistic is so near to the best, the cheapest is the best: an estimate tells no more apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A candidate and what it comes to; `middle` is its run in which everything takes what it takes in the middle."""

    candidate: Candidate
    statistic_s: float
    cost_usd: float
    middle: Rough


class Judge:
    """Of one problem; the same problem and seed give the same judgements."""

    def __init__(self, problem: Problem, runs: int = RUNS) -> None:
        self.problem = problem
        self.quick = Quick(problem)
        self._is_guessed = not problem.predictions.samples
        worth = min(runs, GUESSED_RUNS) if self._is_guessed else runs
        count = max(1, min(worth, WORK // max(1, len(problem.graph))))
        self._runs = _drawn(self.quick, count) if count > 1 else []

    def glance(self, candidate: Candidate) -> Judged:
        """In the middle alone."""
        rough = self.quick.evaluate(candidate.worker_of, candidate.memory_mb)
        return Judged(candidate=candidate, statistic_s=rough.makespan_s, cost_usd=rough.cost_usd, middle=rough)

    def judge(self, glanced: Judged, limit_s: float = inf) -> Judged:
        """In every drawn run. When it is certain that the statistic exceeds `limit_s`, the rest is not looked at."""
        if not self._runs:
            return glanced
        candidate, makespans, costs = glanced.candidate, [], []
        for run in self._runs:
            rough = run.evaluate(candidate.worker_of, candidate.memory_mb)
            makespans.append(rough.makespan_s)
            costs.append(rough.cost_usd)
            least = [*makespans, *[0.0] * (len(self._runs) - len(makespans))]
            if limit_s < inf and statistic(least, self.problem.objective) > limit_s:
                break
        return Judged(
            candidate=candidate,
            statistic_s=statistic([*makespans, *[0.0] * (len(self._runs) - len(makespans))], self.problem.objective),
            cost_usd=sum(costs) / len(costs),
            middle=glanced.middle,
        )

    def simulate(self, judged: Judged) -> Judged:
        """What the plan's outlook says, set right by earlier runs; a large graph as it was judged."""
        from compiler.planner.outlook import look_ahead
        from compiler.planner.recalibration import recalibrated

        problem, candidate = self.problem, judged.candidate
        count = max(1, len(problem.graph))
        if count > SIMULATED:
            return judged
        runs = 1 if self._is_guessed else min(SIMULATIONS, SIMULATED // count)
        outlook = recalibrated(problem, "", look_ahead(problem, plan_of(problem, "", candidate), runs=runs))
        return replace(judged, statistic_s=outlook.statistic(problem.objective), cost_usd=outlook.cost.usd)


def statistic(makespans: Sequence[float], sla: Sla) -> float:
    """What an objective looks at."""
    if sla.percentile is None:
        return sum(makespans) / len(makespans)
    rising = sorted(makespans)
    at = (len(rising) - 1) * sla.percentile / 100
    low, high = rising[floor(at)], rising[min(floor(at) + 1, len(rising) - 1)]
    return low + (at - floor(at)) * (high - low)


def best(judged: Sequence[Judged], sla: Sla) -> Judged:
    """The best for an objective, the first of equals.

    With a deadline the cheapest that meets it, and the budget; with a budget the fastest within it. Where none does,
    the fastest, or for a budget the cheapest: what comes nearest. With neither the fastest.
    """
    deadline, budget = sla.deadline_s or inf, inf if sla.budget_usd is None else sla.budget_usd
    fitting = [one for one in judged if one.statistic_s <= deadline and one.cost_usd <= budget]
    if deadline < inf and fitting:
        return min(fitting, key=lambda one: (one.cost_usd, one.statistic_s))
    if budget < inf and not fitting:
        return min(judged, key=lambda one: (one.cost_usd, one.statistic_s))
    return fastest(fitting or judged)


def fastest(judged: Sequence[Judged]) -> Judged:
    """The cheapest of those that are as good as the fastest."""
    limit = min(one.statistic_s for one in judged) * (1 + ALIKE)
    return min((one for one in judged if one.statistic_s <= limit), key=lambda one: (one.cost_usd, one.statistic_s))


def _drawn(quick: Quick, count: int) -> list[_Drawn]:
    """So many runs of a problem."""
    from compiler.planner.weather import Weather

    weather = Weather(quick.problem, count)
    return [_Drawn(quick, weather, number) for number in range(count)]


class _Drawn(Quick):
    """The same problem in the weather of one drawn run; everything else is shared."""

    def __init__(self, quick: Quick, weather: Weather, number: int) -> None:
        self.__dict__.update(quick.__dict__)
        self._weather, self._number = weather, number

    def seconds(self, memory_mb: int) -> Sequence[float]:
        return self._weather.seconds(memory_mb, self._number)
