"""Which of several plans an objective wants: the fastest, the fastest within a budget, the cheapest within a deadline.

- Nothing said of money or time: the least makespan, by the objective's statistic; of plans within `NOISE` of the least,
  which can hardly be told from it, one that saves a larger part of the cost than it loses of the time.
- A `budget`: the least makespan among plans that cost no more.
- A `deadline`: the cheapest among plans that meet it; with a `budget`, it has to be kept, too.
- Where no plan meets them: the one that comes nearest, so that somebody can say how near.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeVar

from compiler.manifest.model import Sla

T = TypeVar("T")

NOISE = 0.01
EQUAL = 1e-9
"""Sums in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a plan is judged by: seconds, by the objective's statistic, and dollars."""

    seconds: float
    usd: float


def is_bounded(sla: Sla) -> bool:
    """Whether a plan may miss the objective."""
    return sla.deadline_s is not None or sla.budget_usd is not None


def lack(figures: Figures, sla: Sla) -> float:
    """How far a plan is beyond what the objective allows, as the sum of parts of it; 0.0 when it meets everything."""
    late = _beyond(figures.seconds, sla.deadline_s)
    dear = _beyond(figures.usd, sla.budget_usd)
    return late + dear


def _beyond(value: float, limit: float | None) -> float:
    if limit is None or value <= limit * (1 + EQUAL):
        return 0.0
    return value / limit - 1 if limit > 0 else inf


def tightened(sla: Sla, part: float) -> Sla:
    """The same with bounds that are tighter by so much."""
    deadline_s, budget_usd = sla.deadline_s, sla.budget_usd
    return replace(
        sla,
        deadline_s=None if deadline_s is None else deadline_s * (1 - part),
        budget_usd=None if budget_usd is None else budget_usd * (1 - part),
    )


def priced(figures: Figures, sla: Sla, price: float = inf) -> tuple[float, float, float]:
    """The less, the better: what is lacking, then what counts, then the other figure. With a price what is lacking
    makes what counts so many times worse."""
    wanted, other = (figures.seconds, figures.usd) if sla.deadline_s is None else (figures.usd, figures.seconds)
    lacking = lack(figures, sla)
    return (lacking, wanted, other) if price == inf else (0.0, wanted * (1 + price * lacking), other)


def choose(candidates: Sequence[T], figures: Callable[[T], Figures], sla: Sla) -> T:
    """The one that the objective wants; of equals the first."""
    best = min(candidates, key=lambda one: priced(figures(one), sla))
    if is_bounded(sla):
        return best
    enough = figures(best).seconds * (1 + NOISE)
    near = [one for one in candidates if figures(one).seconds <= enough]
    return min(near, key=lambda one: (figures(one).usd * figures(one).seconds, figures(one).seconds))


def undominated(candidates: Sequence[T], figures: Callable[[T], Figures]) -> list[T]:
    """Those than which no other is both faster and cheaper, the fastest first."""
    kept: list[T] = []
    least = inf
    for one in sorted(candidates, key=lambda one: (figures(one).seconds, figures(one).usd)):
        if figures(one).usd < least:
            least = figures(one).usd
            kept.append(one)
    return kept
