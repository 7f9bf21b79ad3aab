"""What tasks, edges and starts of a problem take in the middle, as plain lists: for planners that place task by task.

Nothing is decided here, and nothing simulated: `compiler.planner.lists` schedules with these figures, and
`compiler.planner.bounds` bounds what any schedule can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from compiler.planner.problem import Problem
from runtime.config import WorkerSettings

Sized = tuple[int, int]
"""An instance at the other end of an edge, and the bytes that the edge carries."""


class Figures:
    """One problem's figures, in seconds and bytes; `byte_s` is what a byte takes one way between worker and store.

    `inputs[n]` and `outputs[n]` are the instances at the other ends of n's edges. `start_s` passes between the call of
    a worker in a new environment and its first task, `again_s` when it has left and its environment is still warm.
    """

    def __init__(self, problem: Problem) -> None:
        graph, predictions, conditions = problem.graph, problem.predictions, problem.conditions
        self.problem = problem
        self.inputs: list[list[Sized]] = [
            [(producer, predictions.bytes_of(producer, output)) for producer, output in sources]
            for sources in graph.in_edges
        ]
        self.outputs: list[list[Sized]] = [[] for _ in range(len(graph))]
        for consumer, sources in enumerate(self.inputs):
            for producer, size in sources:
                self.outputs[producer].append((consumer, size))
        platform = predictions.platform
        self.trip_s = conditions.round_trip_s
        self.byte_s = 1.0 / conditions.environment_bytes_per_s
        self.store_s = conditions.commit_s + conditions.round_trip_s
        self.start_s = conditions.invoke_s + platform.start("", "cold").median + platform.code_load_s + self.trip_s
        self.again_s = conditions.invoke_s + platform.start("", "warm").median + self.trip_s
        self.linger_s = WorkerSettings().linger_s
        self._seconds: dict[int, Sequence[float]] = {}

    def seconds(self, memory_mb: int) -> Sequence[float]:
        """By instance what it takes with so much memory, alone on its CPU."""
        if memory_mb not in self._seconds:
            graph, predictions, task_s = self.problem.graph, self.problem.predictions, self.problem.conditions.task_s
            found: list[float] = []
            medians: dict[int, float] = {}
            for instance, family in enumerate(graph.family_of):
                if graph.families[family].handles:
                    found.append(0.0)
                    continue
                execution = predictions.execution(instance, memory_mb)
                if id(execution) not in medians:
                    medians[id(execution)] = execution.seconds.median + task_s
                found.append(medians[id(execution)])
            self._seconds[memory_mb] = found
        return self._seconds[memory_mb]

    def seconds_at(self, size_of: Sequence[int]) -> list[float]:
        """By instance what it takes with the memory that it has."""
        columns = {size: self.seconds(size) for size in set(size_of)}
        return [columns[size][instance] for instance, size in enumerate(size_of)]

    def transfer_s(self, size: int) -> float:
        """From the end of an execution to an input at hand on another worker."""
        return self.store_s + self.trip_s + 2 * size * self.byte_s

    @cached_property
    def stored_s(self) -> Sequence[float]:
        """By instance from the end of its execution until its largest output is in the store."""
        return [
            self.store_s + self.byte_s * max((size for _, size in consumers), default=0) for consumers in self.outputs
        ]


def ranks(figures: Figures, seconds: Sequence[float], edge_s: float = 1.0) -> list[float]:
    """The upward rank of each instance (Topcuoglu, Hariri and Wu 2002): the longest way from its start to the end of
    the workflow, executions and, with weight `edge_s`, transfers."""
    found = [0.0] * len(seconds)
    for instance in reversed(figures.problem.order):
        after = 0.0
        for consumer, size in figures.outputs[instance]:
            way = found[consumer] + edge_s * figures.transfer_s(size)
            after = max(after, way)
        found[instance] = seconds[instance] + after
    return found
