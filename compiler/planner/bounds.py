"""What no plan can beat, and what a textbook would plan: to put beside the planners.

All of it is about a run in which everything takes what it takes in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.planner.figures import Figures, ranks
from compiler.planner.lists import Schedule, list_schedule
from compiler.planner.problem import Problem
from compiler.planner.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds. `critical_path_s` is the longest chain of executions, without transfers and starts; `area_s` all work
    dealt to all cores that there are. No run is shorter than either. `heft_s` is the makespan of a HEFT schedule that
    knows starts and transfers, each task on the best size."""

    critical_path_s: float
    area_s: float
    heft_s: float

    @property
    def least_s(self) -> float:
        return max(self.critical_path_s, self.area_s)


def bounds(problem: Problem) -> Bounds:
    """All three; a few tens of microseconds a task."""
    figures = Figures(problem)
    seconds = best_seconds(figures)
    hands = min(problem.options.cores, problem.options.concurrency)
    return Bounds(
        critical_path_s=max(ranks(figures, seconds, edge_s=0.0), default=0.0),
        area_s=sum(seconds) / hands,
        heft_s=heft(figures).makespan_s,
    )


def heft(figures: Figures) -> Schedule:
    """A schedule on as many workers as environments may live, all of the size at which its tasks are quickest."""
    problem = figures.problem
    pin_of = problem.pins[1]
    kinds: dict[tuple[str, str, str], int] = {}
    terms = Terms(
        seconds=best_seconds(figures),
        group_of=[kinds.setdefault(problem.kind(instance), len(kinds)) for instance in range(len(problem.graph))],
        class_of=problem.classes[1],
        pin_of=pin_of,
        class_of_pin=problem.class_of_pin,
        workers=problem.options.concurrency,
    )
    return list_schedule(figures, terms)


def best_seconds(figures: Figures) -> list[float]:
    """By instance what it takes with the most memory that a planner would give it; more never makes it longer."""
    problem = figures.problem
    largest = problem.profile.sizes_mb[-1]
    sizes = [
        problem.base_env(instance).memory_mb
        if problem.is_pinned(instance)
        else min(problem.most_mb(instance), max(largest, problem.least_mb(instance)))
        for instance in range(len(problem.graph))
    ]
    return figures.seconds_at(sizes)
