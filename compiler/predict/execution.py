"""What an execution takes: from the history of its function, by input bytes and memory, the newest runs foremost.

The sketches of a history give the shape, its newest runs the place and the spread, so that a change of weather is
followed within a few runs and one odd run moves little: runs weigh less by half every `HALF_LIFE` runs, and medians of
them count. Executions of one run have something in common; how much is told apart here (`shared`), since it decides
how the times of a whole run spread.

Input bytes: the fit through all executions where it is close, else the executions with about the same bytes.

Memory: executions in environments of the same size, when there are enough; else all of them, each brought to 512 MB and
from there to the size asked for. More memory never makes a time longer: what is known of a smaller size bounds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log, sqrt

import numpy as np

from compiler.predict.distribution import PARTS, SCORES, Distribution, around, measured
from runtime.history.records import EnvironmentHistory, FamilyHistory, FamilyRun
from runtime.history.relation import STEPS, Relation
from runtime.history.sketch import Sketch, merge_sketches
from runtime.measures.spans import FULL_CPU_MB, NORM_MB

HALF_LIFE = 12
"""Runs after which one weighs half."""

ENOUGH = 8
"""So many executions at one memory size are enough to look at that size alone."""

ENOUGH_NEAR = 12
"""So many executions with about the same input bytes are enough to look at these alone."""

CLOSE = 0.5
"""A fit is close when what is left of the logarithm (base 2) deviates by no more."""

DEFAULT_EXEC_S = 0.1
DEFAULT_SPREAD = 1.0
"""Of a function that never ran: log-normal, p95 some five times the median."""

LEAST_SPREAD = 0.02
CHANGED = 1.0
"""When the newest runs are so many of their standard deviations away from the rest, the old shape says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """`shared` is the part of the variance of ln(seconds) that all executions of one run have in common.

    `weather` is how far off each known run was, in ln(seconds), by the run's id: functions whose weather goes together
    vary together. `cpu_share` of the time is work on a CPU, the rest waiting; more than 1 of several threads.
    """

    seconds: Distribution
    shared: float
    cpu_share: float = 1.0
    weather: Mapping[str, float] = field(default_factory=dict)


UNKNOWN = Execution(around(DEFAULT_EXEC_S, DEFAULT_SPREAD, "default"), 0.5)

Known = Sequence[tuple[EnvironmentHistory, FamilyHistory]]


def predict_execution(
    families: Mapping[str, FamilyHistory],
    environments: Mapping[str, EnvironmentHistory],
    *,
    memory_mb: int,
    input_bytes: float,
) -> Execution:
    """What a function takes in an environment of that memory with so many bytes in; `families` by environment class.

    The least of what is known at each smaller size, brought to this one; below all, the smallest brought down.
    """
    known = [(environments[env], family) for env, family in families.items() if env in environments and family.count]
    if not known:
        return UNKNOWN
    sizes = sorted({environment.memory_mb for environment, _ in known})
    usable = [size for size in sizes if size <= memory_mb] or sizes[:1]
    exponent = max(environment.exponent for environment, _ in known)
    found: Execution | None = None
    for size in reversed(usable):
        factor = (_share(size) / _share(memory_mb)) ** exponent
        at = _at(known, size, input_bytes)
        why = "" if size == memory_mb or factor == 1.0 else f"brought to {memory_mb:,} MB"
        seconds = at.seconds.scaled(factor, why)
        if found is None:
            found = replace(at, seconds=seconds)
        else:
            found = replace(found, seconds=found.seconds.no_longer_than(seconds))
    assert found is not None, "there is a size"
    return found


def _share(memory_mb: int) -> float:
    return min(memory_mb, FULL_CPU_MB) / NORM_MB


def _at(known: Known, memory_mb: int, input_bytes: float) -> Execution:
    """From executions at this size when there are enough, else from all, brought to it."""
    same = [(environment, family) for environment, family in known if environment.memory_mb == memory_mb]
    if len(same) == len(known) or sum(family.count for _, family in same) >= ENOUGH:
        return _pooled(same, [1.0] * len(same), input_bytes, "")
    factors = [environment.to_512 / _share(memory_mb) ** environment.exponent for environment, _ in known]
    return _pooled(known, factors, input_bytes, f"brought to {memory_mb:,} MB")


def _pooled(known: Known, factors: Sequence[float], input_bytes: float, why: str) -> Execution:
    """One distribution from several classes, the one with most executions giving the shape."""
    count = sum(family.count for _, family in known)
    most = max(range(len(known)), key=lambda number: known[number][1].count)
    relation = _relation(known[most][1])
    level, sketch, note = _level(relation, input_bytes)
    runs = [run for _, family in known for run in family.recent]
    recent = _Recent.of(runs, relation)
    source = f"{count:,} sample{'' if count == 1 else 's'}"
    notes = [part for part in (note, why) if part]
    met = _Met.of(known, factors) if sketch.count == relation.count else None
    seconds = measured(
        _shape(sketch, recent) if met is None else met.shape(),
        centre=log(factors[most]) + level + recent.drift if met is None else met.centre,
        spread=recent.spread if met is None else max(met.spread, LEAST_SPREAD),
        count=float(count),
        source=", ".join([source, *notes]),
    )
    return Execution(seconds, recent.shared, _cpu_share(family for _, family in known), recent.weather)


def _cpu_share(families: Iterable[FamilyHistory]) -> float:
    """The work of those executions that it is known of; nobody looks at short ones, which wait for nothing."""
    shares = merge_sketches(family.cpu for family in families)
    return shares.mean if shares.count else 1.0


def _relation(family: FamilyHistory) -> Relation:
    """Ordinary executions; where there are none, those that came first in their environments."""
    return family.execs if family.execs.count else family.first_execs


def _level(relation: Relation, input_bytes: float) -> tuple[float, Sketch, str]:
    """ln(seconds) with so many bytes in, the executions that give the shape, and a word on it."""
    near, fit = relation.near(input_bytes), relation.sums.fit()
    if near.count == relation.count:
        return _mean_log(near), near, ""
    if fit is not None and relation.sums.n >= 3 and (fit.spread <= CLOSE or near.count < ENOUGH_NEAR):
        power = min(max(fit.power, 0.0), 2.0)
        middle = 2.0 ** (relation.sums.x / relation.sums.n / STEPS)
        at_middle = relation.sums.y / relation.sums.n / STEPS * log(2.0)
        return at_middle + power * log((1 + input_bytes) / middle), Sketch(), "by input bytes"
    return (_mean_log(near), near, "") if near.count else (_mean_log(relation.whole()), relation.whole(), "")


def _mean_log(sketch: Sketch) -> float:
    """The mean of ln(value)."""
    return float(np.mean([log(max(value, 1e-9)) for value in sketch.quantiles([(n + 0.5) / 64 for n in range(64)])]))


def _shape(sketch: Sketch, recent: _Recent) -> np.ndarray:
    """The quantiles that give the shape: those that were met, unless the weather has changed or there are none."""
    if not sketch.count or abs(recent.drift) > CHANGED * recent.spread:
        return np.exp(SCORES)
    return np.array(sketch.quantiles(PARTS))


@dataclass(frozen=True, slots=True)
class _Met:
    """ln(seconds) of single executions, rising, with what each weighs: of a task of few instances, in which what a run
    has in common cannot be told from chance. What comes in several kinds, such as where code was imported before and
    where it was not, is met in the same kinds again."""

    logs: Sequence[float]
    weights: Sequence[float]

    @classmethod
    def of(cls, known: Known, factors: Sequence[float]) -> _Met | None:
        """None where runs had more executions than are known one by one, or there are too few to go by."""
        rows = [(run, log(factor)) for (_, family), factor in zip(known, factors, strict=True) for run in family.recent]
        if len(rows) < ENOUGH or any(run.count > len(run.samples) for run, _ in rows):
            return None
        rows.sort(key=lambda row: (row[0].at, row[0].run), reverse=True)
        found = sorted(
            (log(max(sample.exec_s, 1e-9)) + factor, 0.5 ** (age / HALF_LIFE) / run.count)
            for age, (run, factor) in enumerate(rows)
            for sample in run.samples
        )
        return cls([value for value, _ in found], [weight for _, weight in found])

    @property
    def centre(self) -> float:
        return _mean(self.logs, self.weights)

    @property
    def spread(self) -> float:
        centre = self.centre
        return sqrt(_mean([(value - centre) ** 2 for value in self.logs], self.weights))

    def shape(self) -> np.ndarray:
        """The values at `PARTS`."""
        ends = np.cumsum(self.weights)
        return np.exp(np.interp(PARTS, (ends - np.array(self.weights) / 2) / ends[-1], self.logs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recent:
    """What the newest runs say: how far off they are from the whole, how much executions spread, what they share."""

    drift: float
    spread: float
    shared: float
    weather: Mapping[str, float]

    @classmethod
    def of(cls, runs: Sequence[FamilyRun], relation: Relation) -> _Recent:
        if not runs:
            logs = [log(max(value, 1e-9)) for value in relation.whole().quantiles((0.16, 0.84))]
            return cls(drift=0.0, spread=max((logs[1] - logs[0]) / 2, LEAST_SPREAD), shared=0.5, weather={})
        newest = sorted(runs, key=lambda run: (run.at, run.run), reverse=True)
        weights = [0.5 ** (age / HALF_LIFE) for age in range(len(newest))]
        off = [_Off.of(run, relation) for run in newest]
        means = [one.mean for one in off]
        drift = _median(means, weights)
        several = [(one, weight) for one, weight in zip(off, weights, strict=True) if one.count > 1]
        within = _mean([one.variance for one, _ in several], [weight for _, weight in several])
        # The middle of a run's executions varies by what they do not share, too: that much is no weather.
        alone = _mean([within / one.count for one in off], weights)
        deviation = 1.4826 * _median([abs(mean - drift) for mean in means], weights)
        between = max(0.0, deviation**2 - alone)
        spread = sqrt(within + between)
        return cls(
            drift=drift,
            spread=max(spread, LEAST_SPREAD),
            shared=between / (within + between) if spread > LEAST_SPREAD else 0.5,
            weather={run.run: mean - drift for run, mean in zip(newest, means, strict=True)},
        )


@dataclass(frozen=True, slots=True)
class _Off:
    """How far executions of one run were from what their input bytes let expect, in ln(seconds)."""

    mean: float
    variance: float
    count: int

    @classmethod
    def of(cls, run: FamilyRun, relation: Relation) -> _Off:
        """Of all of them; where times go with bytes, of those few whose bytes are known."""
        if not run.samples or not _goes_with_bytes(relation):
            variance = max(0.0, run.log_square - run.log_mean**2) * run.count / max(1, run.count - 1)
            return cls(run.log_mean - _expected(relation, None), variance, run.count)
        parts = [log(max(one.exec_s, 1e-9)) - _expected(relation, one.input_bytes) for one in run.samples]
        return cls(float(np.mean(parts)), float(np.var(parts, ddof=1)) if len(parts) > 1 else 0.0, len(parts))


def _goes_with_bytes(relation: Relation) -> bool:
    """The bytes explain more than half of how the logarithms differ."""
    sums, fit = relation.sums, relation.sums.fit()
    if fit is None or len(relation.buckets) == 1:
        return False
    variance = (sums.yy / sums.n - (sums.y / sums.n) ** 2) / STEPS**2
    return 2 * fit.spread**2 < variance


def _expected(relation: Relation, input_bytes: int | None) -> float:
    sums = relation.sums
    if not sums.n:
        return log(1e-9)
    middle = sums.y / sums.n / STEPS * log(2.0)
    fit = sums.fit()
    if fit is None or input_bytes is None:
        return middle
    power = min(max(fit.power, 0.0), 2.0)
    return middle + power * (log(1 + input_bytes) - sums.x / sums.n / STEPS * log(2.0))


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    whole = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / whole if whole else 0.0


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    """The value in the middle of the weight."""
    half, so_far = sum(weights) / 2, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        so_far += weight
        if so_far >= half:
            return value
    raise AssertionError("there is a middle")
