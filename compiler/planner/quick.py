"""A quick estimate of a pinned assignment, for searching: what `compiler.simulate` would say, in a tenth of its time.

    quick = Quick(problem)
    rough = quick.evaluate(worker_of, memory_mb)        # makespan, cost, when each task ended

Everything takes what it takes in the middle. It knows what decides between plans: who waits for whom, cold and warm
starts under the limit of environments, lingering, bytes between workers, that a worker has one commit on its way at a
time and makes its calls one after another, cores that all share. It leaves out what does not: pages, payloads, gates,
conditions. What a plan promises is never taken from here but from `compiler.planner.outlook`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.planner.assembly import worker_envs
from compiler.planner.figures import Figures
from compiler.planner.problem import Problem
from compiler.planner.quick_run import Rough, Run


class Quick:
    """One problem, as all its estimates see it."""

    def __init__(self, problem: Problem) -> None:
        graph = problem.graph
        self.problem, self.figures = problem, Figures(problem)
        self.conditions = problem.conditions
        self.linger_s = self.figures.linger_s
        self.needs = [len(sources) for sources in graph.in_edges]
        self.consumers = [
            [(consumer, problem.predictions.bytes_of(instance, output), output) for output, consumer in sorted(rows)]
            for instance, rows in enumerate(graph.consumers())
        ]
        self.targets = frozenset(graph.targets)
        self.roots = [instance for instance in problem.order if not self.needs[instance]]

    def seconds(self, memory_mb: int) -> Sequence[float]:
        """By instance the middle of what it takes with so much memory."""
        return self.figures.seconds(memory_mb)

    def evaluate(self, worker_of: Sequence[int], memory_mb: Mapping[int, int]) -> Rough:
        """The estimate of an assignment as `assemble` takes it, with a worker for every instance."""
        return Run(self, worker_of, worker_envs(self.problem, worker_of, memory_mb)).run()
