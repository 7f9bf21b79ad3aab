"""What each task of a plan is expected to take, read and write, and where that is known from: a table of predictions.

By family, since instances are many and alike: the least, the middle and the most of what its instances are predicted.
What rests on a default is not known, and None here. Percentiles of single tasks are what they are: they do not add up
to one of the makespan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.manifest.model import Sla
from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.predict.flow import flow_through
from compiler.predict.sizes import DEFAULT

if TYPE_CHECKING:
    from compiler.predict.distribution import Distribution

HIGH = 95.0
"""The percentile that stands beside the middle where the objective names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Over the instances of a family."""

    least: float
    middle: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyForecast:
    """Seconds of an execution at its median and at a high percentile, and bytes. None: nobody knows.

    `source` says what the times come from and `size_source` what the outputs' sizes do, for people; `samples` is how
    many executions the times rest on, the least of its instances.
    """

    task: str
    instances: int
    memory_mb: Range
    median_s: Range | None
    high_s: Range | None
    input_bytes: Range | None
    output_bytes: Range | None
    samples: float
    source: str
    size_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceForecast:
    """Of one instance."""

    median_s: float | None
    high_s: float | None
    input_bytes: int | None
    output_bytes: int | None
    source: str


def high_percentile(sla: Sla) -> float:
    """The percentile that is shown beside the middle: the objective's, when it is another."""
    return sla.percentile if sla.percentile not in (None, 50.0) else HIGH


class Forecaster:
    """Tells of one plan. Where nothing was measured that bears on the graph, `is_measured` False, nobody knows a time,
    and bytes are what the manifest says: that is told without making predictions.
    """

    def __init__(self, problem: Problem, plan: Plan, *, is_measured: bool = True) -> None:
        self._graph, self._plan = problem.graph, plan
        self._high = high_percentile(problem.objective) / 100
        self._predictions = problem.predictions if is_measured else None
        self._flow = (
            flow_through(self._graph, [{}] * len(self._graph.families))
            if self._predictions is None
            else self._predictions.flow
        )

    def families(self) -> tuple[FamilyForecast, ...]:
        """Every family that has instances, in the order of the graph."""
        return tuple(
            [
                self._family(family.task, range(family.first, family.first + family.count))
                for family in self._graph.families
                if family.count
            ]
        )

    def instance(self, instance: int) -> InstanceForecast:
        seconds = self._seconds(instance)
        is_known = seconds is not None and seconds.count > 0
        return InstanceForecast(
            median_s=seconds.median if seconds is not None and is_known else None,
            high_s=seconds.quantile(self._high) if seconds is not None and is_known else None,
            input_bytes=self._flow.known_input_bytes(instance),
            output_bytes=self._flow.known_output_bytes(instance),
            source=self.source(instance),
        )

    def source(self, instance: int) -> str:
        """What the time of an instance comes from."""
        seconds = self._seconds(instance)
        return DEFAULT if seconds is None else seconds.source

    def _seconds(self, instance: int) -> Distribution | None:
        if self._predictions is None:
            return None
        return self._predictions.seconds(instance, self._plan.env(instance).memory_mb)

    def _family(self, task: str, instances: range) -> FamilyForecast:
        seconds = [found for one in instances if (found := self._seconds(one)) is not None]
        alike = {id(one): one for one in seconds}
        medians = {key: one.median for key, one in alike.items()}
        highs = {key: one.quantile(self._high) for key, one in alike.items()}
        samples = min([one.count for one in alike.values()], default=0)
        return FamilyForecast(
            task=task,
            instances=len(instances),
            memory_mb=_range([self._plan.env(instance).memory_mb for instance in instances]),
            median_s=_range([medians[id(one)] for one in seconds]) if samples > 0 else None,
            high_s=_range([highs[id(one)] for one in seconds]) if samples > 0 else None,
            input_bytes=_known([self._flow.known_input_bytes(one) for one in instances]),
            output_bytes=_known([self._flow.known_output_bytes(one) for one in instances]),
            samples=samples,
            source=_most_common(one.source for one in seconds),
            size_source=_most_common(size.source for one in instances for size in self._flow.sizes[one]),
        )


def _most_common(sources: Iterable[str]) -> str:
    (commonest, _), *_ = Counter(sources).most_common(1) or [(DEFAULT, 0)]
    return commonest


def _known(values: Sequence[int | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return _range(known) if len(known) == len(values) else None


def _range(values: Sequence[float]) -> Range:
    ordered = sorted(values)
    return Range(least=ordered[0], middle=ordered[len(ordered) // 2], most=ordered[-1])
