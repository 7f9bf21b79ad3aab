"""What a search thinks of assignments: a quick estimate in the middle, and where it is worth it, in many drawn runs.

The statistic of the objective is that of the makespan over these runs, by the draws that plans are judged by. Of a
large graph, or where something has never run, the middle has to do. What a plan comes to is for `search.judge` to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.planner.candidate import Candidate
from compiler.planner.judging import statistic
from compiler.planner.problem import Problem
from compiler.planner.quick import Quick
from compiler.planner.quick_run import Rough
from compiler.planner.search.objective import Figures

LARGE = 5_000
"""Tasks from which on a candidate is judged by one run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A candidate with what is thought of it; `rough` is its run in the middle."""

    candidate: Candidate
    rough: Rough
    figures: Figures


class Estimates:
    """One problem's."""

    def __init__(self, problem: Problem) -> None:
        self.quick = Quick(problem)
        self._sla = problem.objective
        self._drawn = None
        if problem.predictions.samples and len(problem.graph) <= LARGE:
            from compiler.planner.search.drawn import Drawn

            self._drawn = Drawn(self.quick)

    def of(self, candidate: Candidate) -> Found:
        """The estimate of an assignment with a worker for every instance."""
        return self.completed(candidate, self.glance(candidate))

    def glance(self, candidate: Candidate) -> Rough:
        """In the middle alone."""
        return self.quick.evaluate(candidate.worker_of, candidate.memory_mb)

    def completed(self, candidate: Candidate, rough: Rough) -> Found:
        """What was glanced at, by the statistic of the objective."""
        seconds = rough.makespan_s
        if self._drawn is not None:
            seconds = statistic(self._drawn.makespans(rough).tolist(), self._sla)
        return Found(candidate=candidate, rough=rough, figures=Figures(seconds=seconds, usd=rough.cost_usd))
