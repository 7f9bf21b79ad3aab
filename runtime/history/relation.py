"""How one measure goes with another: seconds with input bytes, output bytes with input bytes, seconds with code bytes.

A sketch of the measure for each power of four of the bytes, so that no shape of the relation is assumed, and the sums
of a least-squares fit through the logarithms. Sums are of whole numbers (1/1,024 of a doubling), so that they merge
exactly. What a planner makes of it is not decided here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.history.sketch import LARGEST, SMALLEST, UNITS, Sketch, fit, merge_sketches

LARGEST_BUCKET = 24
"""Of bytes from 4^23 on; bucket 0 is for no bytes at all, bucket n for less than 4^n."""

STEPS = 1024
SMALLEST_LOG, LARGEST_LOG = math.log2(SMALLEST), math.log2(LARGEST)
MOST_LOG = 128 * STEPS
"""More than any logarithm here has."""

LEAST_SPREAD = 0.05
"""Standard deviation of log2(1 + bytes) below which no relation can be told from noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSums:
    """Sums over points (x, y), x = log2(1 + bytes), y = log2 of the measure, both in 1/1,024; zeros are left out."""

    n: int = 0
    x: int = 0
    y: int = 0
    xx: int = 0
    xy: int = 0
    yy: int = 0

    @classmethod
    def of(cls, points: Iterable[tuple[float, float]]) -> LogSums:
        rows = [(_log(1 + size), _log(measure)) for size, measure in points if measure * UNITS >= 1]
        return cls(
            n=len(rows),
            x=sum([x for x, _ in rows]),
            y=sum([y for _, y in rows]),
            xx=sum([x * x for x, _ in rows]),
            xy=sum([x * y for x, y in rows]),
            yy=sum([y * y for _, y in rows]),
        )

    def fit(self) -> Fit | None:
        """The line through the points; None where their bytes differ too little for one."""
        spread = self.n * self.xx - self.x * self.x
        if spread < (self.n * LEAST_SPREAD * STEPS) ** 2 or not spread:
            return None
        power = (self.n * self.xy - self.x * self.y) / spread
        offset = (self.y - power * self.x) / self.n
        rest = self.yy - 2 * (power * self.xy + offset * self.y)
        rest += power * power * self.xx + 2 * power * offset * self.x + self.n * offset * offset
        return Fit(offset=offset / STEPS, power=power, spread=math.sqrt(max(0.0, rest) / self.n) / STEPS)

    def is_possible(self) -> bool:
        """Whether there are points with these sums."""
        most = self.n * MOST_LOG
        return (
            0 <= self.x <= most
            and abs(self.y) <= most
            and self.x * self.x <= self.n * self.xx <= most * most
            and self.y * self.y <= self.n * self.yy <= most * most
            and (self.n * self.xy - self.x * self.y) ** 2
            <= (self.n * self.xx - self.x * self.x) * (self.n * self.yy - self.y * self.y)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """log2(measure) ≈ offset + power · log2(1 + bytes); `spread` is the standard deviation around it, in doublings."""

    offset: float
    power: float
    spread: float

    def at(self, size: float) -> float:
        """The measure for so many bytes, within what a sketch can hold."""
        return float(2.0 ** min(max(self.offset + self.power * math.log2(1 + size), SMALLEST_LOG), LARGEST_LOG))


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """`buckets` by the size of the bytes; `sums` over all points."""

    buckets: Mapping[int, Sketch] = field(default_factory=dict)
    sums: LogSums = LogSums()

    @classmethod
    def of(cls, points: Iterable[tuple[float, float]]) -> Relation:
        """Of (bytes, measure) pairs."""
        rows = [(max(0.0, size), fit(measure)) for size, measure in points]
        measures: defaultdict[int, list[float]] = defaultdict(list)
        for size, measure in rows:
            measures[bucket_of(size)].append(measure)
        return cls(buckets={bucket: Sketch.of(measures[bucket]) for bucket in sorted(measures)}, sums=LogSums.of(rows))

    @property
    def count(self) -> int:
        return sum(sketch.count for sketch in self.buckets.values())

    def whole(self) -> Sketch:
        """Every measure, whatever its bytes."""
        return merge_sketches(self.buckets.values())

    def near(self, size: float) -> Sketch:
        """The measures with about these bytes: within a factor of four or less; empty when there are none."""
        return self.buckets.get(bucket_of(size), Sketch())


def merge_relations(relations: Iterable[Relation]) -> Relation:
    """One relation of everything that any of them has met."""
    parts = list(relations)
    if len(parts) == 1:
        return parts[0]
    numbers = sorted({bucket for part in parts for bucket in part.buckets})
    buckets = {
        number: merge_sketches(part.buckets[number] for part in parts if number in part.buckets) for number in numbers
    }
    return Relation(buckets=buckets, sums=_added([part.sums for part in parts]))


def _added(parts: Sequence[LogSums]) -> LogSums:
    return LogSums(
        n=sum(part.n for part in parts),
        x=sum(part.x for part in parts),
        y=sum(part.y for part in parts),
        xx=sum(part.xx for part in parts),
        xy=sum(part.xy for part in parts),
        yy=sum(part.yy for part in parts),
    )


def bucket_of(size: float) -> int:
    """The number of the bucket for so many bytes."""
    return 0 if size < 1 else min((int(size).bit_length() + 1) // 2, LARGEST_BUCKET)


def _log(value: float) -> int:
    return round(math.log2(value) * STEPS)
