"""Are promises kept? Of the runs that had promised something, the share that kept within each percentile. Pure.

A promise is right when p of a hundred runs keep within the p-th percentile, whatever p is: then the ranks of runs
(`Promise.rank`) are spread evenly. Shares are told with the interval of Wilson (1927), which holds for few runs and for
shares near 0 and 1, where the usual one does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from runtime.promise import PERCENTILES

TOLD = (50, 90, 95, 99)
"""The percentiles that are shown."""

SCORE = 1.959964
"""Of the standard normal distribution, for an interval of 95 %."""

Ranks = Mapping[int, int]
"""Runs by their rank, 0 to 99."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many of `runs` kept within a percentile. `low` and `high` bound the share of all runs to come."""

    percentile: int
    runs: int
    kept: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.kept / self.runs

    @property
    def is_right(self) -> bool:
        """Whether so many runs may be chance, when the promise is right."""
        return self.low <= self.percentile / 100 <= self.high


def coverages(ranks: Ranks, percentiles: Sequence[int] = TOLD) -> tuple[Coverage, ...]:
    """One for each percentile; none of no runs."""
    runs = sum(ranks.values())
    return tuple([_coverage(ranks, runs, percentile) for percentile in percentiles]) if runs else ()


def _coverage(ranks: Ranks, runs: int, percentile: int) -> Coverage:
    kept = sum(count for rank, count in ranks.items() if rank < percentile)
    low, high = interval(kept, runs)
    return Coverage(percentile=percentile, runs=runs, kept=kept, low=low, high=high)


def interval(kept: int, runs: int) -> tuple[float, float]:
    """Between which shares the true one lies with 95 %, when `kept` of `runs` did."""
    share, square = kept / runs, SCORE**2 / runs
    middle = (share + square / 2) / (1 + square)
    reach = SCORE * sqrt(share * (1 - share) / runs + square / (4 * runs)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def histogram(ranks: Ranks, bins: int) -> tuple[int, ...]:
    """Runs by where in the promise they fell, in so many bins of equal width: even when promises are right."""
    found = [0] * bins
    for rank, count in ranks.items():
        found[rank * bins // (PERCENTILES + 1)] += count
    return tuple(found)
