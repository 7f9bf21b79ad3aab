"""Drawn runs in which planners compare candidates: the same for all of them, whatever sizes they choose.

Only who compares in the weather of several runs imports this: it needs numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from compiler.planner.problem import Problem
from compiler.predict.predictions import UNKNOWN_COMMON


class Weather:
    """Times of all instances in each drawn run, by memory: what a run has in common and what each execution has alone,
    in the proportion that the history shows."""

    def __init__(self, problem: Problem, count: int) -> None:
        random = np.random.default_rng(problem.options.seed)
        self._problem = problem
        self._own = random.standard_normal((len(problem.graph), count))
        whole = random.standard_normal(count)
        self._common = {
            family: sqrt(UNKNOWN_COMMON) * whole + sqrt(1 - UNKNOWN_COMMON) * random.standard_normal(count)
            for family in range(len(problem.graph.families))
        }
        self._seconds: dict[int, list[list[float]]] = {}

    def seconds(self, memory_mb: int, number: int) -> Sequence[float]:
        """By instance what it takes with so much memory in the drawn run of that number."""
        if memory_mb not in self._seconds:
            self._seconds[memory_mb] = self._draw(memory_mb)
        return self._seconds[memory_mb][number]

    def _draw(self, memory_mb: int) -> list[list[float]]:
        """Instances that share a prediction are drawn at once."""
        graph, predictions = self._problem.graph, self._problem.predictions
        together: dict[int, list[int]] = {}
        executions = {}
        for instance, family in enumerate(graph.family_of):
            if not graph.families[family].handles:
                execution = predictions.execution(instance, memory_mb)
                executions[id(execution)] = family, execution
                together.setdefault(id(execution), []).append(instance)
        found = np.zeros_like(self._own)
        for key, instances in together.items():
            family, execution = executions[key]
            scores = sqrt(execution.shared) * self._common[family] + sqrt(1 - execution.shared) * self._own[instances]
            found[instances] = execution.seconds.values(scores) + self._problem.conditions.task_s
        columns: list[list[float]] = found.T.tolist()
        return columns
