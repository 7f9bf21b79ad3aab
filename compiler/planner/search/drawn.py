"""What an assignment's makespan is in many drawn runs, all side by side: for searching by a percentile.

An estimate in the middle (`compiler.planner.quick`) says who waited for whom. These causes stand, and only what was
drawn changes: executions and starts of environments, in the very draws by which plans are judged in the end. It is to
`Quick` what `compiler.simulate.estimate` is to the simulation, and costs about as much as another quick estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compiler.planner.assembly import assemble
from compiler.planner.outlook import DRAWS
from compiler.planner.quick import Quick
from compiler.planner.quick_run import Rough
from runtime.plan import EnvClass

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Size:
    """What executions take with one size, by instance; by how much cold starts, by class, and the platform itself are
    later than in the middle."""

    exec_s: Array
    cold_s: Mapping[str, Array]
    ready_s: Array


class Drawn:
    """One problem's runs."""

    def __init__(self, quick: Quick) -> None:
        self._quick = quick
        self._sizes: dict[int, _Size] = {}

    def makespans(self, rough: Rough) -> Array:
        """In seconds, one for each run, of the assignment that was estimated so."""
        return _Runs(self, self._quick, rough).makespans()

    def of_size(self, memory_mb: int) -> _Size:
        """The draws when everything has that size, as far as it may."""
        if memory_mb not in self._sizes:
            problem, task_s = self._quick.problem, self._quick.conditions.task_s
            plan = assemble(problem, "", self._apart, dict.fromkeys(self._apart, memory_mb), [""] * len(self._apart))
            draws = problem.predictions.draws(plan, DRAWS, problem.options.seed)
            platform = problem.predictions.platform
            middle = {name: platform.start(name, "cold").median for name in draws.cold_s}
            handles = [problem.graph.families[family].handles for family in problem.graph.family_of]
            exec_s = np.where(np.array(handles, dtype=bool)[:, None], 0.0, draws.exec_s + task_s)
            self._sizes[memory_mb] = _Size(
                exec_s=exec_s,
                cold_s={name: cold - middle[name] for name, cold in draws.cold_s.items()},
                ready_s=draws.ready_s - platform.ready.median,
            )
        return self._sizes[memory_mb]

    @cached_property
    def _apart(self) -> Sequence[int]:
        """Every task on a worker of its own, but for the user's."""
        names, pin_of = self._quick.problem.pins
        return [pin if pin >= 0 else len(names) + instance for instance, pin in enumerate(pin_of)]


class _Runs:
    """One evaluation."""

    def __init__(self, drawn: Drawn, quick: Quick, rough: Rough) -> None:
        conditions = quick.conditions
        self._quick, self._rough = quick, rough
        self._size = {worker: drawn.of_size(env.memory_mb) for worker, env in rough.envs.items()}
        self._middle = {worker: quick.seconds(env.memory_mb) for worker, env in rough.envs.items()}
        self._shares_cores = conditions.cores < float("inf")
        self._zero: Array = np.zeros(DRAWS)
        self._end: list[Array] = [self._zero] * len(rough.worker_of)
        self._stored: list[Array] = [self._zero] * len(rough.worker_of)
        self._last: dict[int, int] = {}

    def makespans(self) -> Array:
        rough, makespan = self._rough, self._zero
        for instance in rough.order:
            self._run(instance)
            if rough.stored[instance]:
                self._stored[instance] = self._end[instance] + (rough.stored[instance] - rough.end[instance])
                if instance in self._quick.targets:
                    makespan = np.maximum(makespan, self._stored[instance])
        return makespan

    def _run(self, instance: int) -> None:
        rough = self._rough
        worker = rough.worker_of[instance]
        ready, at = self._ready(instance, worker)
        for cause in (self._last.get(worker, -1), rough.freed_by[instance]):
            if cause >= 0:
                ready, at = np.maximum(ready, self._end[cause]), max(at, rough.end[cause])
        self._last[worker] = instance
        start = ready + (rough.start[instance] - at)
        if rough.is_cold[instance]:
            start = start + self._later(instance, rough.envs[worker], worker)
        self._end[instance] = start + self._took(instance, worker)

    def _ready(self, instance: int, worker: int) -> tuple[Array, float]:
        """When the inputs are at hand, and when they were in the middle."""
        rough, here, away = self._rough, self._zero, self._zero
        here_at = away_at = 0.0
        for producer, _ in self._quick.figures.inputs[instance]:
            if rough.worker_of[producer] == worker:
                here, here_at = np.maximum(here, self._end[producer]), max(here_at, rough.end[producer])
            else:
                away, away_at = np.maximum(away, self._stored[producer]), max(away_at, rough.stored[producer])
        if not away_at:
            return here, here_at
        fetch_s = rough.fetch_s[instance]
        return np.maximum(here, away + fetch_s), max(here_at, away_at + fetch_s)

    def _later(self, instance: int, env: EnvClass, worker: int) -> Array:
        """By how much a cold start is later than in the middle."""
        size = self._size[worker]
        later = size.cold_s.get(env.name, self._zero)
        return later if self._quick.needs[instance] else later + size.ready_s

    def _took(self, instance: int, worker: int) -> Array:
        """CPUs that all share make an execution as much longer as they did in the middle."""
        drawn: Array = self._size[worker].exec_s[instance]
        middle_s = self._middle[worker][instance]
        if not self._shares_cores or middle_s <= 0.0:
            return drawn
        return drawn * ((self._rough.end[instance] - self._rough.start[instance]) / middle_s)
