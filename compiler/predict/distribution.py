"""A distribution of times or sizes: log-quantiles over standard-normal scores, with what it rests on.

A table over a fixed row of scores holds every shape that a sketch has, is drawn from with one interpolation for any
number of samples, and is scaled by an addition. Values are positive: unknown is a default with a wide spread and a
source that says so, never zero.

What few samples say of a tail is little. So spread grows as that of a prediction does (Student's t with n - 1 degrees
of freedom, and the error of the mean: https://www.itl.nist.gov/div898/handbook/, 1.3.5.2), and beyond the last sample
a tail goes on as a log-normal one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import copysign, exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SCORES: Array = np.linspace(-3.5, 3.5, 57)
USUAL, USUAL_COUNT = 0.5, 4
"""The standard deviation of ln(seconds) that times have as a rule, and the samples that this is worth."""

SMALLEST = 1e-7
"""Seconds or bytes below which nothing is told apart."""

NORMAL = NormalDist()
PARTS: tuple[float, ...] = tuple(NORMAL.cdf(float(score)) for score in SCORES)


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """`logs` are ln of the value at each of `SCORES`. `count` samples of weight behind it, 0 for a hint or a default.

    `source` says what it comes from, for people: "12 samples", "hint", "default", and what was done to it.
    """

    logs: Array
    count: float
    source: str

    def quantile(self, part: float) -> float:
        """The value below which that part lies; it never falls as `part` grows, and of all it is the most known."""
        return self.at(NORMAL.inv_cdf(part) if 0.0 < part < 1.0 else copysign(inf, part - 0.5))

    @property
    def median(self) -> float:
        return self.at(0.0)

    @property
    def mean(self) -> float:
        """Of the part between the outermost scores."""
        weights = np.exp(-(SCORES**2) / 2)
        return float((np.exp(self.logs) * weights).sum() / weights.sum())

    def at(self, score: float) -> float:
        return float(exp(np.interp(score, SCORES, self.logs)))

    def values(self, scores: Array) -> Array:
        """The values at many scores."""
        found: Array = np.exp(np.interp(scores, SCORES, self.logs))
        return found

    def scaled(self, factor: float, why: str = "") -> Distribution:
        """Everything so many times as much."""
        source = f"{self.source}, {why}" if why else self.source
        return replace(self, logs=self.logs + log(max(factor, SMALLEST)), source=source)

    def no_longer_than(self, other: Distribution) -> Distribution:
        """At no quantile more than `other`."""
        return replace(self, logs=np.minimum(self.logs, other.logs))

    def at_most(self, value: float) -> Distribution:
        """Nothing above a value; itself where nothing is."""
        limit = log(max(value, SMALLEST))
        return self if self.logs[-1] <= limit else replace(self, logs=np.minimum(self.logs, limit))


def around(median: float, spread: float, source: str, *, count: float = 0.0) -> Distribution:
    """Log-normal around a median; `spread` is the standard deviation of the logarithm."""
    return Distribution(log(max(median, SMALLEST)) + spread * SCORES, count, source)


def measured(quantiles: Array, *, centre: float, spread: float, count: float, source: str) -> Distribution:
    """A shape that was met, at a place and with a spread of its own.

    `quantiles` are the values met at `PARTS`, of which only the shape counts: their logarithms are brought to the mean
    `centre` and the standard deviation `spread`. Widened for what so many samples cannot know.
    """
    logs = np.log(np.maximum(quantiles, SMALLEST))
    weights = np.exp(-(SCORES**2) / 2)
    mean = (logs * weights).sum() / weights.sum()
    deviation = sqrt(((logs - mean) ** 2 * weights).sum() / weights.sum())
    shape = (logs - mean) / deviation if deviation > 1e-9 else SCORES
    reach = NORMAL.inv_cdf(1 - 1 / (count + 1)) if count > 1 else 0.0
    outside = np.abs(SCORES) > max(reach, 0.5)
    edge = np.clip(SCORES, -max(reach, 0.5), max(reach, 0.5))
    shape = np.where(outside, np.interp(edge, SCORES, shape) + (SCORES - edge), shape)
    table = centre + _doubted(spread, count) * shape
    return Distribution(np.maximum.accumulate(table), count, source)


def _doubted(spread: float, count: float) -> float:
    """The spread of a prediction from so many samples that have this one.

    Of two or three samples Student's t alone says next to nothing: p99 of hours where seconds were met. Times spread
    somehow like others do, and where that says less (a prior variance of `USUAL`, worth `USUAL_COUNT` samples), it is
    believed.
    """
    if count == inf:
        return spread
    known = max(1.0, count - 1)
    pooled = sqrt((USUAL_COUNT * USUAL**2 + known * spread**2) / (USUAL_COUNT + known))
    return min(spread * _widening(count), max(spread, pooled) * _widening(count + USUAL_COUNT))


def _widening(count: float) -> float:
    """How much more a prediction from so many samples spreads than they do themselves."""
    freedom = max(1.0, count - 1)
    return sqrt(1 + 1 / max(1.0, count)) * _student(freedom) / NORMAL.inv_cdf(0.95)


@lru_cache(maxsize=4096)
def _student(freedom: float) -> float:
    """The 95th percentile of Student's t: Hill's expansion (CACM 396, 1970), exact at one degree of freedom."""
    if freedom < 1.5:
        return 6.314
    score = NORMAL.inv_cdf(0.95)
    terms = (
        (score**3 + score) / 4,
        (5 * score**5 + 16 * score**3 + 3 * score) / 96,
        (3 * score**7 + 19 * score**5 + 17 * score**3 - 15 * score) / 384,
    )
    return score + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
