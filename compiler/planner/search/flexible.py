"""Candidates that leave it to run time who goes on: flexible tasks, dealt to so many first workers, of one size.

They adapt to what a run is like, which no assignment does, and pay with trips to the store at every fan-in. A hybrid
pins what one worker does best: the chains of an assignment that cross no border, or the tasks from which on everything
waits for everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

from compiler.planner.candidate import Candidate
from compiler.planner.entries import make_entries
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem
from compiler.planner.search.limits import Limits
from runtime.plan import EnvClass


def flexible(limits: Limits, entries: int, memory_mb: int, planner: str) -> Candidate:
    """Everything is flexible that the user did not pin; so many entries for each class at most."""
    problem = limits.problem
    worker_of = problem.pins[1]
    envs = [
        problem.base_env(instance)
        if worker != FLEXIBLE
        else replace(problem.base_env(instance), memory_mb=limits.clamped(instance, memory_mb))
        for instance, worker in enumerate(worker_of)
    ]
    return _candidate(problem, planner, _Layout(problem.pins[0], worker_of, envs), entries, "flexible")


def trunk_pinned(limits: Limits, entries: int, memory_mb: int, planner: str) -> Candidate | None:
    """Flexible up to the depth where the graph is narrow for good; that trunk is one worker's for each class."""
    problem = limits.problem
    trunk = _trunk(limits)
    if not trunk or len(trunk) == len(problem.graph):
        return None
    names, worker_of = list(problem.pins[0]), list(problem.pins[1])
    envs = list[EnvClass]()
    number: dict[EnvClass, int] = {}
    fresh = (name for n in count() if (name := f"w{n}") not in problem.pins[0])
    for instance in range(len(worker_of)):
        env = problem.base_env(instance)
        if worker_of[instance] == FLEXIBLE:
            env = replace(env, memory_mb=limits.clamped(instance, memory_mb))
            if instance in trunk:
                if env not in number:
                    number[env] = len(names)
                    names.extend(islice(fresh, 1))
                worker_of[instance] = number[env]
        envs.append(env)
    origin = "the trunk on one worker, the rest flexible"
    return _candidate(problem, planner, _Layout(tuple(names), worker_of, envs), entries, origin)


NARROW = 2
"""Tasks side by side in a trunk, at most."""


def _trunk(limits: Limits) -> frozenset[int]:
    """The tasks at the end of the graph with never more than so many at one distance from it."""
    problem = limits.problem
    height, outputs = [0] * len(problem.graph), limits.quick.figures.outputs
    for instance in reversed(problem.order):
        height[instance] = max((height[consumer] + 1 for consumer, _ in outputs[instance]), default=0)
    levels: list[list[int]] = [[] for _ in range(max(height, default=-1) + 1)]
    for instance, level in enumerate(height):
        levels[level].append(instance)
    found: list[int] = []
    for level_members in levels:
        if len(level_members) > NARROW:
            break
        found += level_members
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of workers, and by instance its worker and its class."""

    workers: tuple[str, ...]
    worker_of: Sequence[int]
    envs: Sequence[EnvClass]


def _candidate(problem: Problem, planner: str, layout: _Layout, entries: int, origin: str) -> Candidate:
    index: dict[EnvClass, int] = {}
    env_of = [index.setdefault(env, len(index)) for env in layout.envs]
    classes = tuple(index)
    plan = Plan(
        planner=planner,
        workers=layout.workers,
        worker_of=layout.worker_of,
        classes=classes,
        env_of=env_of,
        order=problem.order,
        entries=make_entries(
            problem.graph,
            workers=layout.workers,
            worker_of=layout.worker_of,
            classes=classes,
            env_of=env_of,
            order=problem.order,
            concurrency=entries,
        ),
        reasons=[origin if pin == FLEXIBLE else "pinned by the manifest" for pin in problem.pins[1]],
    )
    return Candidate(worker_of=layout.worker_of, memory_mb={}, origin=origin, plan=plan)
