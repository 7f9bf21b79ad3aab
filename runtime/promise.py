"""What a run was expected to do, written down before it began: a promise, to be held against what it did.

It stands beside a bundle and not in it: two builds of one source are equal whatever is known of earlier runs. Made by
the compiler, kept in the record of the run, counted in the history. Client side, not shipped.
"""

from __future__ import annotations

import json
import logging
import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROMISE_NAME = "promise.json"
"""In the folder of a bundle."""

PERCENTILES = 99
"""A promise tells the 1st to the 99th."""

SETTLED_RUNS = 20
"""Earlier runs from which they alone give a promise's spread: a 95th percentile of fewer is their largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """`makespans_s[k - 1]` is what k of a hundred runs keep within; `mean_s` the average of all.

    `model_s` is the middle that the simulation alone gives, before what earlier runs were off by is set right.
    `cost_usd`, `seconds` (the workers', by the value of a `runtime.moments.Part`), `cold` and `warm` starts are those
    of a run in which everything takes what it takes in the middle. `samples` is the fewest executions that a
    function's prediction rests on, `runs` the earlier runs by which it was set right.
    """

    makespans_s: tuple[float, ...]
    mean_s: float
    model_s: float
    cost_usd: float
    seconds: Mapping[str, float]
    cold: int
    warm: int
    samples: int
    runs: int

    @property
    def is_settled(self) -> bool:
        """Whether earlier runs alone give its spread."""
        return self.runs >= SETTLED_RUNS

    def within(self, percentile: float) -> float:
        """Seconds within which so many of a hundred runs end, 1 to 99; between two of them in proportion."""
        place = min(max(percentile, 1.0), float(PERCENTILES)) - 1
        low = min(int(place), PERCENTILES - 2)
        return self.makespans_s[low] + (place - low) * (self.makespans_s[low + 1] - self.makespans_s[low])

    def rank(self, makespan_s: float) -> int:
        """How many of the percentiles it is longer than, 0 to 99: a run kept within the p-th if its rank is below p."""
        return bisect_left(self.makespans_s, makespan_s)


def promise_document(promise: Promise) -> dict[str, object]:
    """As JSON holds it."""
    return asdict(promise)


def read_promise(folder: Path) -> Promise | None:
    """What was promised of the bundle in `folder`; None when nothing was, or when it cannot be read, which is said."""
    path = folder / PROMISE_NAME
    try:
        return promise_of(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        logging.getLogger(__name__).warning("warning: %s is damaged: nothing is promised of the run", path)
        return None


def promise_of(document: Mapping[str, Any]) -> Promise:
    """The inverse of `promise_document`. Raises KeyError, TypeError, ValueError on what is none."""
    makespans = tuple(map(_seconds, document["makespans_s"]))
    if len(makespans) != PERCENTILES or list(makespans) != sorted(makespans):
        raise ValueError("99 times that do not fall make a promise")
    return Promise(
        makespans_s=makespans,
        mean_s=_seconds(document["mean_s"]),
        model_s=_seconds(document["model_s"]),
        cost_usd=_seconds(document["cost_usd"]),
        seconds={str(part): _seconds(value) for part, value in document["seconds"].items()},
        cold=int(document["cold"]),
        warm=int(document["warm"]),
        samples=int(document["samples"]),
        runs=int(document["runs"]),
    )


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise TypeError(f"{value!r} is no amount")
    return float(value)
