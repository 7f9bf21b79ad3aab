"""A quantile sketch of bounded size: how often each of a fixed row of geometric bins was met.

The bins are those of DDSketch (Masson, Rim, Lee: "DDSketch", VLDB 2019): bin i holds the values above `GAMMA`^(i-1) and
up to `GAMMA`^i, so that every quantile is within `ACCURACY` of a value that was met, whatever the distribution. Counts,
and the total as a whole number of 1e-9, are integers: a merge is a sum, so that it is commutative and associative to
the bit, and the same values give the same bytes, whoever added them in which order. What is too small for a bin counts
as zero.

Why no library: KLL and REQ of `datasketches` drop values by chance, t-digests (`datasketches`, `fastdigest`) depend on
the order of merges, so two launchers would leave what nobody can reproduce; `ddsketch` of DataDog, whose algorithm this
is, keeps each sketch as a dense row of floats with a float total. The tests hold this module against it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

ACCURACY = 0.01
"""Greatest relative error of a quantile."""

GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST = 1e-9
LARGEST = 1e15
"""Seconds and bytes both lie between these; there are `BINS` bins at most."""

_PER_LOG = 1 / math.log(GAMMA)
LOWEST_BIN = math.floor(math.log(SMALLEST) * _PER_LOG)
HIGHEST_BIN = math.ceil(math.log(LARGEST) * _PER_LOG)
BINS = HIGHEST_BIN - LOWEST_BIN + 1
UNITS = 10**9
ROUNDING = 1e-6
"""0.95 times 100 samples is 95 of them, whatever the product's last digit is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """`bins` counts by the number of the bin, `zeros` what is no larger than `SMALLEST`.

    `minimum` and `maximum` are exact to nine digits, `total` is in units of 1e-9.
    """

    bins: Mapping[int, int] = field(default_factory=dict)
    zeros: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    total: int = 0

    @classmethod
    def of(cls, values: Iterable[float]) -> Sketch:
        """The sketch of these values; what is negative or not finite is taken for the nearest that can be."""
        fitting = [fit(value) for value in values]
        if not fitting:
            return cls()
        bins: dict[int, int] = {}
        for value in fitting:
            if value > SMALLEST:
                number = bin_of(value)
                bins[number] = bins.get(number, 0) + 1
        return cls(
            bins=dict(sorted(bins.items())),
            zeros=len(fitting) - sum(bins.values()),
            minimum=nine_digits(min(fitting)),
            maximum=nine_digits(max(fitting)),
            total=sum([round(value * UNITS) for value in fitting]),
        )

    @property
    def count(self) -> int:
        return self.zeros + sum(self.bins.values())

    @property
    def mean(self) -> float:
        """The mean of everything. Raises ZeroDivisionError of nothing."""
        return self.total / UNITS / self.count

    def quantile(self, p: float) -> float:
        """The least value that the part `p` or more does not exceed: of two samples the p90 is the larger.

        It never falls as p grows. Raises ValueError of an empty sketch.
        """
        return self.quantiles((p,))[0]

    def quantiles(self, parts: Iterable[float]) -> tuple[float, ...]:
        """The quantiles of all `parts`, in one walk over the bins."""
        if not self.count:
            raise ValueError("an empty sketch has no quantiles")
        numbers = list(self.bins)
        upto = list(accumulate(self.bins.values(), initial=self.zeros))[1:]
        return tuple(self._at(p, numbers, upto) for p in parts)

    def _at(self, p: float, numbers: list[int], upto: list[int]) -> float:
        needed = max(1, math.ceil(min(max(p, 0.0), 1.0) * self.count - ROUNDING))
        if needed <= self.zeros or not numbers:
            return self.minimum
        number = numbers[bisect_left(upto, needed)]
        return min(max(middle_of(number), self.minimum), self.maximum)

    def share_below(self, value: float) -> float:
        """The part of what was met that is no larger than `value`, to within a bin. Raises ZeroDivisionError."""
        limit = bin_of(fit(value)) if value > SMALLEST else LOWEST_BIN
        return (self.zeros + sum(count for number, count in self.bins.items() if number <= limit)) / self.count


def merge_sketches(sketches: Iterable[Sketch]) -> Sketch:
    """One sketch of everything that any of them has met."""
    parts = [sketch for sketch in sketches if sketch.count]
    if len(parts) < 2:
        return parts[0] if parts else Sketch()
    bins: dict[int, int] = {}
    for part in parts:
        for number, count in part.bins.items():
            bins[number] = bins.get(number, 0) + count
    return Sketch(
        bins=dict(sorted(bins.items())),
        zeros=sum(part.zeros for part in parts),
        minimum=min(part.minimum for part in parts),
        maximum=max(part.maximum for part in parts),
        total=sum(part.total for part in parts),
    )


def fit(value: float) -> float:
    """`value` as a sketch takes it: from 0 to `LARGEST`."""
    return min(value, LARGEST) if value > 0 else 0.0


def nine_digits(value: float) -> float:
    """`value` as it is written."""
    return float(f"{value:.9g}")


def bin_of(value: float) -> int:
    """The number of the bin of a value above `SMALLEST`."""
    return min(max(math.ceil(math.log(value) * _PER_LOG), LOWEST_BIN), HIGHEST_BIN)


def middle_of(number: int) -> float:
    """The value that is within `ACCURACY` of all in a bin."""
    return float(2 * math.exp(number / _PER_LOG) / (GAMMA + 1))
