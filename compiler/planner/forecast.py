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

if TYPE_CHECKING:
    from compiler.predict.distribution import Distribution
    from compiler.predict.predictions import Predictions

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


def forecast_families(problem: Problem, plan: Plan) -> tuple[FamilyForecast, ...]:
    """Every family that has instances, in the order of the graph."""
    graph = problem.graph
    return tuple(
        [
            _family(problem, plan, family.task, range(family.first, family.first + family.count))
            for family in graph.families
            if family.count
        ]
    )


def forecast_instance(problem: Problem, plan: Plan, instance: int) -> InstanceForecast:
    predictions = problem.predictions
    seconds = predictions.seconds(instance, plan.env(instance).memory_mb)
    high = high_percentile(problem.objective) / 100
    is_known = seconds.count > 0
    return InstanceForecast(
        median_s=seconds.median if is_known else None,
        high_s=seconds.quantile(high) if is_known else None,
        input_bytes=_input_bytes(predictions, instance),
        output_bytes=_output_bytes(predictions, instance),
        source=seconds.source,
    )


def _family(problem: Problem, plan: Plan, task: str, instances: range) -> FamilyForecast:
    predictions, high = problem.predictions, high_percentile(problem.objective) / 100
    sizes = [plan.env(instance).memory_mb for instance in instances]
    seconds = [predictions.seconds(one, memory) for one, memory in zip(instances, sizes, strict=True)]
    alike = {id(one): one for one in seconds}
    medians = {key: one.median for key, one in alike.items()}
    highs = {key: one.quantile(high) for key, one in alike.items()}
    is_known = all(one.count > 0 for one in alike.values())
    return FamilyForecast(
        task=task,
        instances=len(instances),
        memory_mb=_range(sizes),
        median_s=_range([medians[id(one)] for one in seconds]) if is_known else None,
        high_s=_range([highs[id(one)] for one in seconds]) if is_known else None,
        input_bytes=_known([_input_bytes(predictions, one) for one in instances]),
        output_bytes=_known([_output_bytes(predictions, one) for one in instances]),
        samples=min(one.count for one in alike.values()),
        source=_most_common(seconds),
        size_source=Counter(size.source for one in instances for size in predictions.sizes[one]).most_common(1)[0][0],
    )


def _input_bytes(predictions: Predictions, instance: int) -> int | None:
    """None where one of the inputs has a size that nobody knows."""
    for producer, output in predictions.graph.in_edges[instance]:
        sizes = predictions.sizes[producer]
        if not all(size.is_known for size in (sizes if output < 0 else (sizes[output],))):
            return None
    return predictions.input_bytes[instance]


def _output_bytes(predictions: Predictions, instance: int) -> int | None:
    sizes = predictions.sizes[instance]
    return sum(size.bytes for size in sizes) if all(size.is_known for size in sizes) else None


def _most_common(seconds: Iterable[Distribution]) -> str:
    return Counter(one.source for one in seconds).most_common(1)[0][0]


def _known(values: Sequence[int | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return _range(known) if len(known) == len(values) else None


def _range(values: Sequence[float]) -> Range:
    ordered = sorted(values)
    return Range(least=ordered[0], middle=ordered[len(ordered) // 2], most=ordered[-1])
