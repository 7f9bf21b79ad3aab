"""How much work a search is worth: in proportion to what there is to gain.

A plan can save no more than a part of the run, so a search may take a part of what the run is predicted to take. Where
nothing of it has ever run, times are hints and defaults, and no plan is worth a search on guesses: then there is the
least effort. Effort is counted, never timed: the same graph and history have the same plan on
every machine and under every load. Its unit is a second of the machine on which `ESTIMATED_S` and `SIMULATED_S` were
measured (`python -m tests.benchmarks.planning`).

A first look is taken whatever it costs: some candidates by rule, the plans of the quick planners, a few simulations.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.planner.problem import Problem

PART = 0.1
"""Of the predicted makespan."""

LEAST_S, MOST_S = 1.0, 10.0
GUESSED_S = 0.25

ESTIMATED_S = 12e-6
"""A task of a candidate that is made and estimated."""

SIMULATED_S = 250e-6
"""A task of a run that is simulated."""

SEEDS, SEARCH, ROUGH, FINAL = 0.1, 0.35, 0.25, 0.3
"""What part goes into candidates by rule, local search, rough looks, and looking closely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What may be spent on a graph of `count` tasks."""

    seconds: float
    count: int

    def estimates(self, part: float, least: int, most: int) -> int:
        """How many candidates may be estimated for that part of the effort."""
        return _times(self.seconds * part, self.count * ESTIMATED_S, least, most)

    def simulations(self, part: float, least: int, most: int, runs: int = 1) -> int:
        """How many candidates may be looked at for it in so many runs each."""
        return _times(self.seconds * part, self.count * runs * SIMULATED_S, least, most)


def effort_for(problem: Problem, makespan_s: float) -> Effort:
    """What is worth spending on a run of so many seconds; what the user says, in rounds of the search, comes first."""
    count, rounds = max(1, len(problem.graph)), problem.options.rounds
    if rounds is not None:
        seconds = rounds * count * ESTIMATED_S / SEARCH
    elif not problem.predictions.samples:
        return Effort(seconds=GUESSED_S, count=count)
    else:
        seconds = PART * makespan_s
    return Effort(seconds=min(MOST_S, max(LEAST_S, seconds)), count=count)


def _times(seconds: float, each_s: float, least: int, most: int) -> int:
    return max(least, min(most, int(seconds / each_s)))
