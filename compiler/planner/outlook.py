"""What a plan is expected to do: how its makespan is distributed, what it costs, one timeline to look at.

Every planner's plan is judged by this, whoever made it and however it was searched for: the real worker in virtual
time on draws from the predictions. Quantiles are those of the makespan's own distribution, never sums of tasks'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compiler.manifest.model import Sla
from compiler.planner.cost import timeline_cost
from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.simulate.estimate import REFERENCES, makespans_beside, sample_makespans
from compiler.simulate.workload import Workload
from compiler.simulate.world import Simulation, simulate
from runtime.costs import Cost
from runtime.timeline import Timeline

DRAWS = 200
TASKS_PER_S = 400
"""Tasks that the simulations of one outlook go through, all together, for each second that the run is predicted to
take: about a twentieth of it is spent on looking ahead. A graph is simulated at least once, the larger, the less often
beyond that."""

LEAST_TASKS, MOST_TASKS = 4_000, 24_000
GUESSED = 4
GUESSED_TASKS = 2_000
"""Simulations, and their tasks, where something has never run: guesses are not worth more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """`makespans` is a sample of the makespan's distribution, in seconds, sorted; `model_s` the middle that simulation
    alone gives. The other figures and `timeline` are those of a run in which everything takes what it takes in the
    middle.

    `samples` is the fewest executions that a prediction rests on; 0: something has never run, and what it takes is a
    hint or a default. `runs` are the earlier runs that have set the makespans right. `waiting` environments of the
    plan's classes are there before the run begins.
    """

    makespans: NDArray[np.float64]
    model_s: float
    cost: Cost
    timeline: Timeline
    workers: int
    cold: int
    warm: int
    bytes_moved: int
    samples: int
    runs: int = 0
    waiting: int = 0

    def quantile(self, percentile: float) -> float:
        """Seconds within which so many of a hundred runs end."""
        return _quantile(self.makespans, percentile)

    @property
    def mean(self) -> float:
        return float(self.makespans.mean())

    def statistic(self, sla: Sla) -> float:
        """The makespan that an objective looks at: a percentile, or the average."""
        return self.mean if sla.percentile is None else self.quantile(sla.percentile)


def look_ahead(problem: Problem, plan: Plan, *, draws: int = DRAWS, runs: int | None = None) -> Outlook:
    """The outlook of one plan; the same for the same seed. Beside the run in the middle there are `runs` simulations,
    or as many as are worth it; with less than two the middle has to do. Raises `Deadlock` for a plan that cannot end.
    """
    workload = Workload(source=problem.graph, plan=plan)
    drawn = problem.predictions.draws(plan, draws, problem.options.seed)
    middle_draw = problem.predictions.middle(plan)
    middle = simulate(workload, problem.conditions, middle_draw)
    references = runs_worth(problem, middle.makespan_s) if runs is None else runs
    if references > 1:
        makespans = sample_makespans(workload, problem.conditions, drawn, references=references)
    else:
        makespans = makespans_beside(workload, problem.conditions, middle, drawn.after(middle_draw, plan.classes))
    ordered = np.sort(makespans)
    return Outlook(
        makespans=ordered,
        model_s=_quantile(ordered, 50),
        cost=timeline_cost(middle.timeline, problem.profile),
        timeline=middle.timeline,
        workers=len({one.start_up.worker for one in middle.timeline.invocations}),
        cold=middle.starts["cold"],
        warm=middle.starts["warm"],
        bytes_moved=_moved(middle.timeline),
        samples=problem.predictions.samples,
        waiting=sum((problem.options.warm or {}).get(env.name, 0) for env in plan.classes),
    )


def runs_worth(problem: Problem, makespan_s: float) -> int:
    """How many simulations are worth it for a run of about so many seconds."""
    count = max(1, len(problem.graph))
    if not problem.predictions.samples:
        return min(GUESSED, GUESSED_TASKS // count)
    return min(REFERENCES, int(min(max(LEAST_TASKS, makespan_s * TASKS_PER_S), MOST_TASKS)) // count)


def middle_run(problem: Problem, plan: Plan, workload: Workload | None = None) -> Simulation:
    """One run of the plan in which everything takes what it takes in the middle."""
    load = workload or Workload(source=problem.graph, plan=plan)
    return simulate(load, problem.conditions, problem.predictions.middle(plan))


def _quantile(ordered: NDArray[np.float64], percentile: float) -> float:
    """As `np.percentile`, which loads some of numpy that nothing else needs: a tenth of a small plan's time."""
    last = len(ordered) - 1
    return float(np.interp(percentile / 100 * last, np.arange(last + 1), ordered))


def _moved(timeline: Timeline) -> int:
    """Bytes that left a worker."""
    return sum(one.start_up.bytes_out for one in timeline.invocations)
