"""Many makespans from one simulation: its causes kept, its durations drawn anew, all samples side by side.

A simulation says who ran what, in which order, who was called by what, and how long each thing was on its way. Here
these causes stand, and only what was drawn changes: execution times and starts of environments. For every task a vector
over all samples is computed: when it could begin, because the one before it on its worker had ended and its inputs were
at hand, and when its output was in the store. That is the longest path through the graph of causes, as in
Monte Carlo evaluations of PERT networks (Van Slyke 1963), one task at a time and all samples at once.

Where other times would have made other causes (a flexible task that another worker would have finished last, an
environment that would have been free), an estimate keeps those of its simulation. So there are several, and what they
miss is corrected by what they miss of one another; tests bound what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compiler.simulate.conditions import Conditions, Draw, nothing
from compiler.simulate.incarnation import Trace
from compiler.simulate.workload import Workload
from compiler.simulate.world import Simulation, simulate
from runtime.measures.spans import TaskSpan
from runtime.plan import EnvClass, InEdge

Array = NDArray[np.float64]

REFERENCES = 16
"""Simulations beside which the other samples are estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Many draws side by side, K of them. `exec_s` is an (instances, K) array, of which `cpu_share` (by instance) is
    work; `cold_s` and `warm_s` are (K,) arrays by the name of a class, `ready_s` is one. The rest is as in a `Draw`,
    the same for all."""

    exec_s: Array
    cpu_share: Array
    bytes_of: Callable[[int, int], int]
    cold_s: Mapping[str, Array]
    warm_s: Mapping[str, Array]
    code_load_s: Callable[[str], float]
    ready_s: Array
    hold_s: Callable[[int], float] = nothing

    def __len__(self) -> int:
        return int(self.exec_s.shape[1])

    def draw(self, number: int) -> Draw:
        """One of them."""
        exec_s = self.exec_s[:, number]
        return Draw(
            exec_s=exec_s.tolist(),
            cpu_s=(exec_s * self.cpu_share).tolist(),
            bytes_of=self.bytes_of,
            cold_s=lambda env: float(self.cold_s[env.name][number]),
            warm_s=lambda env: float(self.warm_s[env.name][number]),
            code_load_s=self.code_load_s,
            hold_s=self.hold_s,
            ready_s=float(self.ready_s[number]),
        )

    def after(self, first: Draw, classes: Iterable[EnvClass]) -> Draws:
        """These with another one before them, for the classes of a plan."""
        return replace(
            self,
            exec_s=np.column_stack([np.array(first.exec_s), self.exec_s]),
            cold_s={env.name: np.append(first.cold_s(env), self.cold_s[env.name]) for env in classes},
            warm_s={env.name: np.append(first.warm_s(env), self.warm_s[env.name]) for env in classes},
            ready_s=np.append(first.ready_s, self.ready_s),
        )


def makespans_beside(workload: Workload, conditions: Conditions, simulation: Simulation, draws: Draws) -> Array:
    """A sample of the makespan from one simulation alone, that of the first draw: the causes stay as they are in it.

    For graphs so large that a second simulation is dear; there what single tasks take matters little, and who finishes
    last where hardly changes with it.
    """
    return Estimate(workload, simulation, draws, 0, task_s=conditions.task_s).makespans()[1:]


def sample_makespans(
    workload: Workload, conditions: Conditions, draws: Draws, *, references: int = REFERENCES
) -> Array:
    """A sample of the makespan's distribution, in seconds, in no order: of K draws, a few simulated.

    A plan that adapts to what happens does better than the causes of any one simulation allow, so for each draw the
    least of the estimates beside the simulated ones counts. How far off that is, is known where a draw was simulated:
    its own estimate, beside the others, leaves a residual. All estimates are smeared by all residuals (Duan 1983),
    which corrects their bias and gives back the spread that they lack. It is least exact where starts of environments
    are as long as the run and vary much: then who gets which environment does. Raises `Deadlock`.
    """
    count = min(references, len(draws))
    simulations = [simulate(workload, conditions, draws.draw(number)) for number in range(count)]
    exact = np.array([simulation.makespan_s for simulation in simulations])
    takes_no_time = not exact.any()
    if count == len(draws) or count < 2 or takes_no_time:
        return exact
    estimates = [
        Estimate(workload, one, draws, number, task_s=conditions.task_s) for number, one in enumerate(simulations)
    ]
    beside = np.array([one.makespans() for one in estimates])
    own = [np.delete(beside, number, axis=0)[:, number].min() for number in range(count)]
    return np.outer(beside.min(axis=0), exact / own).ravel()


class Estimate:
    """One evaluation of all draws beside the simulation of one of them (`reference`). `task_s` is what the worker
    itself spends on a task."""

    def __init__(
        self, workload: Workload, simulation: Simulation, draws: Draws, reference: int, *, task_s: float = 0.0
    ) -> None:
        self._task_s = task_s
        self._draws = draws
        self._reference = reference
        self._number_of = workload.number_of
        self._tasks = workload.tasks
        self._invocations = simulation.timeline.invocations
        self._traces = simulation.traces
        self._committed = {span.task: span.committed_at for span in simulation.timeline.spans if span.committed_at}
        self._zero: Array = np.zeros(len(draws))
        self._end: dict[str, Array] = {}
        self._stored: dict[str, Array] = {}
        self._free: dict[int, tuple[Array, float]] = {}
        self._left: dict[int, Array] = {}

    def makespans(self) -> Array:
        """One for each draw, in seconds."""
        last = self._zero
        for number, span in self._in_order():
            if number not in self._free:
                self._begin(number)
            self._run(number, span)
            if span.committed_at:
                last = np.maximum(last, self._stored[span.task])
        return last

    def _in_order(self) -> list[tuple[int, TaskSpan]]:
        """Every span as it began, with the number of its invocation."""
        runs = [
            (span.started_at, number, order)
            for number, invocation in enumerate(self._invocations)
            for order, span in enumerate(invocation.spans)
        ]
        return [(number, self._invocations[number].spans[order]) for _, number, order in sorted(runs)]

    def _begin(self, number: int) -> None:
        """When an incarnation has begun: called by what was stored, in an environment that was free."""
        up, trace = self._invocations[number].start_up, self._traces[number]
        starts = (self._draws.cold_s if up.state == "cold" else self._draws.warm_s)[up.env_class]
        began = up.start_time + starts - starts[self._reference]
        if (cause := self._cause(trace)) is not None:
            began = began + self._stored[cause] - self._committed[cause]
        elif up.state == "cold":
            began = began + self._draws.ready_s - self._draws.ready_s[self._reference]
        if trace.place in self._left:
            began = np.maximum(began, self._left[trace.place])
        self._free[number] = began, up.start_time

    def _cause(self, trace: Trace) -> str | None:
        """The task whose stored output made the first start task complete; None for a call of the launcher's."""
        if not trace.start:
            return None
        edges = self._tasks[self._number_of[trace.start[0]]].in_edges
        known = [edge.producer for edge in edges if edge.producer in self._stored]
        return max(known, key=self._committed.__getitem__, default=None)

    def _run(self, number: int, span: TaskSpan) -> None:
        """One task: after the one before it here, and when its inputs are at hand."""
        instance = self._number_of[span.task]
        start, reference = self._free[number]
        for edge in self._tasks[instance].in_edges:
            ready, at = self._at_hand(number, span, edge)
            if ready is not None:
                start, reference = np.maximum(start, ready), max(reference, at)
        end = start + max(0.0, span.started_at - reference) + self._took(instance, span)
        ended_at = span.started_at + span.exec_s
        up, trace = self._invocations[number].start_up, self._traces[number]
        self._end[span.task] = end
        self._free[number] = end, ended_at
        self._left[trace.place] = end + max(0.0, up.ended_at - ended_at)
        if span.committed_at:
            self._stored[span.task] = end + (span.committed_at - ended_at)

    def _took(self, instance: int, span: TaskSpan) -> Array:
        """What an execution takes in each draw: its waiting, and its work as much slowed down as in the simulation."""
        drawn, share = self._draws.exec_s[instance], min(1.0, float(self._draws.cpu_share[instance]))
        here = float(drawn[self._reference])
        work_s = here * share + self._task_s
        slowed = max(0.0, span.exec_s - here * (1 - share)) / work_s if work_s > 0.0 else 1.0
        took: Array = drawn * (1 - share) + (drawn * share + self._task_s) * slowed
        return took

    def _at_hand(self, number: int, span: TaskSpan, edge: InEdge) -> tuple[Array | None, float]:
        """When an input was there, over all draws and in the simulation; None when it does not matter."""
        arrived = self._traces[number].arrived.get(edge.slot)
        if arrived is not None and arrived <= span.started_at and edge.producer in self._stored:
            return self._stored[edge.producer] + (arrived - self._committed[edge.producer]), arrived
        return self._end.get(edge.producer), 0.0
