"""What every plan must keep, whoever made it: looked at once after planning.

A plan that breaks one of these rules is a planner's bug, never the user's mistake: an AssertionError that names the
planner and the instance. Nothing of the predictions is looked at, so that it is linear and cheap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from compiler.planner.model import FLEXIBLE, Plan
from compiler.planner.problem import Problem
from runtime.plan import is_flexible


def validate_plan(problem: Problem, plan: Plan) -> None:
    """Raises AssertionError unless the plan is whole, keeps the user's words, and its workers are of one class each."""
    _whole(problem, plan)
    _order(problem, plan)
    _pins(problem, plan)
    _classes(problem, plan)
    _entries(problem, plan)


def _whole(problem: Problem, plan: Plan) -> None:
    """Every instance has a worker or is flexible, has a class and a reason; no name stands for two workers."""
    count = len(problem.graph)
    columns = (plan.worker_of, plan.env_of, plan.order, plan.reasons)
    assert {len(column) for column in columns} <= {count}, f"{plan.planner}: not every instance is planned"
    assert len(set(plan.workers)) == len(plan.workers), f"{plan.planner}: two workers have one name"
    assert not any(is_flexible(name) for name in plan.workers), f"{plan.planner}: a pinned worker with a flexible name"
    workers, classes = range(FLEXIBLE, len(plan.workers)), range(len(plan.classes))
    lost = [n for n in range(count) if plan.worker_of[n] not in workers or plan.env_of[n] not in classes]
    assert not lost, f"{plan.planner}: {_named(problem, lost)} on no worker, or of no class"


def _order(problem: Problem, plan: Plan) -> None:
    """Every instance once, producers first."""
    place = dict(zip(plan.order, range(len(plan.order)), strict=True))
    assert len(place) == len(problem.graph), f"{plan.planner}: the order does not have every instance once"
    edges = enumerate(problem.graph.in_edges)
    early = [n for n, sources in edges if any(place[producer] > place[n] for producer, _ in sources)]
    assert not early, f"{plan.planner}: {_named(problem, early)} before what it takes"


def _pins(problem: Problem, plan: Plan) -> None:
    """Who was pinned by the user is where the user said, in the class that the user's words give."""
    names, pin_of = problem.pins
    for instance, pin in enumerate(pin_of):
        if pin != FLEXIBLE:
            name = problem.graph.name_of(instance) if plan.worker_name(instance) != names[pin] else ""
            assert not name, f"{plan.planner}: {name} is pinned to {names[pin]}, not to {plan.worker_name(instance)}"
            assert plan.env(instance) == problem.base_env(instance), f"{plan.planner}: {names[pin]} has another class"


def _classes(problem: Problem, plan: Plan) -> None:
    """A worker has one class; architecture, Python and layer are the task's, memory within what it states."""
    classes, base_of = problem.classes
    env_of_worker: dict[int, int] = {}
    seen: set[tuple[int, int, int]] = set()
    for instance, (worker, env) in enumerate(zip(plan.worker_of, plan.env_of, strict=True)):
        if worker != FLEXIBLE and env_of_worker.setdefault(worker, env) != env:
            raise AssertionError(f"{plan.planner}: {plan.workers[worker]} has two classes")
        key = env, base_of[instance], problem.graph.options[instance]
        if key not in seen and not problem.is_pinned(instance):
            seen.add(key)
            given, base = plan.classes[env], classes[base_of[instance]]
            same = (given.arch, given.python, given.layer) == (base.arch, base.python, base.layer)
            assert same, f"{plan.planner}: {problem.graph.name_of(instance)} gets {given.name}, not a {base.name}"
            stated = problem.graph.option_of(instance).resources
            least = stated.memory_min_mb or problem.profile.memory_min_mb
            most = stated.memory_max_mb or problem.profile.memory_max_mb
            assert least <= given.memory_mb <= most, (
                f"{plan.planner}: {problem.graph.name_of(instance)} gets {given.memory_mb} MB, not {least} to {most}"
            )


def _entries(problem: Problem, plan: Plan) -> None:
    """Every root starts in one entry, that of its worker and class."""
    graph = problem.graph
    started = Counter(name for entry in plan.entries for name in entry.start)
    number_of = {graph.name_of(n): n for n, sources in enumerate(graph.in_edges) if not sources}
    assert started == Counter(number_of.keys()), f"{plan.planner}: the entries do not start every root once"
    for entry in plan.entries:
        for root in (number_of[name] for name in entry.start):
            worker = plan.worker_name(root)
            assert entry.worker == worker or (worker is None and is_flexible(entry.worker)), (
                f"{plan.planner}: {graph.name_of(root)} starts on {entry.worker}"
            )
            assert entry.env == plan.env(root), f"{plan.planner}: {entry.worker} starts in another class"


def _named(problem: Problem, instances: Iterable[int]) -> str:
    return ", ".join(problem.graph.name_of(instance) for instance in list(instances)[:3])
