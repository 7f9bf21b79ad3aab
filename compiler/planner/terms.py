"""What a clustering keeps to: how long everything takes, who may share a worker, and how many workers there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.planner.figures import Figures
from compiler.planner.model import FLEXIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a schedule has to keep: `seconds` by instance, `group_of` by instance (only tasks of one group share a
    worker); at most so many `workers`, but one for each group, besides those of the user.

    `pin_of` says which of the user's workers an instance is pinned to, and `class_of_pin` what class each of these has:
    one that holds inputs of a task of its class (`class_of`) may get it.
    """

    seconds: Sequence[float]
    group_of: Sequence[int]
    class_of: Sequence[int]
    pin_of: Sequence[int]
    class_of_pin: Sequence[int]
    workers: int


def terms_of(figures: Figures, size_of: Sequence[int], workers: int) -> Terms:
    """The terms when each instance has so much memory, and those of the user what their workers have. CPUs that all
    share slow each worker down."""
    problem = figures.problem
    pin_of = problem.pins[1]
    groups: dict[tuple[object, ...], int] = {}
    sizes, group_of = [], []
    for instance, size in enumerate(size_of):
        sizes.append(problem.base_env(instance).memory_mb if pin_of[instance] != FLEXIBLE else size)
        group_of.append(groups.setdefault((*problem.kind(instance), size), len(groups)))
    pace = max(1.0, min(workers, problem.options.concurrency) / problem.options.cores)
    seconds = figures.seconds_at(sizes)
    return Terms(
        seconds=seconds if pace == 1.0 else [pace * one for one in seconds],
        group_of=group_of,
        class_of=problem.classes[1],
        pin_of=pin_of,
        class_of_pin=problem.class_of_pin,
        workers=workers,
    )
