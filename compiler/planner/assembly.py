"""From an assignment to a plan: worker ids, sizes, classes, entries.

A planner that pins every task thinks in numbers: a worker for each instance, and for each worker its memory. What the
user pinned and declared is kept here once more, whatever the planner thought, and what cannot be together in one
environment (architecture, layer, bounds of memory) is refused as the planner's bug that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from compiler.planner.entries import make_entries
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem
from runtime.plan import EnvClass


def assemble(
    problem: Problem,
    planner: str,
    worker_of: Sequence[int],
    memory_mb: Mapping[int, int],
    reasons: Sequence[str],
) -> Plan:
    """The plan in which instance n runs on worker `worker_of[n]`, FLEXIBLE for any.

    Worker numbers below the number of the user's own workers are those, in the order of `problem.pins`; others are any
    numbers. `memory_mb` is by worker; one that is missing has what its tasks' classes ask for.
    """
    graph, (pinned, pin_of) = problem.graph, problem.pins
    assert all(pin in (FLEXIBLE, worker) for pin, worker in zip(pin_of, worker_of, strict=True)), "pins are kept"
    number_of: dict[int, int] = {number: number for number in range(len(pinned))}
    for instance in problem.order:
        if (worker := worker_of[instance]) != FLEXIBLE:
            number_of.setdefault(worker, len(number_of))
    fresh = (name for number in count() if (name := f"w{number}") not in pinned)
    names = (*pinned, *(name for name, _ in zip(fresh, range(len(number_of) - len(pinned)), strict=False)))
    envs = worker_envs(problem, worker_of, memory_mb)
    index: dict[EnvClass, int] = {}
    env_of = [
        index.setdefault(problem.base_env(instance) if worker == FLEXIBLE else envs[worker], len(index))
        for instance, worker in enumerate(worker_of)
    ]
    numbered = [FLEXIBLE if worker == FLEXIBLE else number_of[worker] for worker in worker_of]
    classes = tuple(index)
    return Plan(
        planner=planner,
        workers=names,
        worker_of=numbered,
        classes=classes,
        env_of=env_of,
        order=problem.order,
        entries=make_entries(
            graph,
            workers=names,
            worker_of=numbered,
            classes=classes,
            env_of=env_of,
            order=problem.order,
            concurrency=problem.options.concurrency,
        ),
        reasons=reasons,
    )


def worker_envs(problem: Problem, worker_of: Sequence[int], memory_mb: Mapping[int, int]) -> dict[int, EnvClass]:
    """By worker its class: the size asked for, within what its tasks allow; the user's declared sizes stay."""
    pinned = problem.pins[0]
    members: dict[int, list[int]] = {}
    for instance, worker in enumerate(worker_of):
        if worker != FLEXIBLE:
            members.setdefault(worker, []).append(instance)
    envs: dict[int, EnvClass] = {}
    for worker, instances in members.items():
        base = problem.base_env(instances[0])
        if worker < len(pinned):
            envs[worker] = base
            continue
        kinds = {problem.kind(instance) for instance in instances}
        assert len(kinds) == 1, f"one environment cannot have {sorted(kinds)}"
        least = max(problem.least_mb(instance) for instance in instances)
        most = min(problem.most_mb(instance) for instance in instances)
        assert least <= most, f"no memory is within {least} to {most} MB"
        wanted = memory_mb.get(worker, max(problem.base_env(instance).memory_mb for instance in instances))
        envs[worker] = replace(base, memory_mb=min(max(wanted, least), most))
    return envs
