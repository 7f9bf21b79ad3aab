"""Do real runs confirm which planner is the faster one?

For each workflow, planners stand in the order of their predicted medians and in that of their real ones. Two planners
are told apart by the real runs when the intervals of their medians (`reports.interval`) do not meet, and by the
prediction when it has them further apart than `NEAR`. A pair that both tell apart is confirmed or contradicted; a pair
that one of them does not tell apart says nothing. A workflow is confirmed when no pair is contradicted and some are
confirmed, or when there are runs enough (six) of each planner and they tell no two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from tests.benchmarks.experiments.cases import KEY
from tests.benchmarks.experiments.ledger import Row
from tests.benchmarks.experiments.reports import interval, median, numbers

WHERE = tuple(name for name in KEY if name not in ("purpose", "repetition", "planner"))
NEAR = 0.05
"""Predicted medians that differ by less are the same."""

HEAD = ("predicted order", "real order", "confirmed", "contradicted", "verdict")


def rows_of_orders(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    """A head, and a line for each workflow with an objective and its surroundings."""
    groups: dict[tuple[str, ...], dict[str, list[Row]]] = {}
    for row in rows:
        if row["purpose"] == "measure" and row["outcome"] == "done" and row["predicted_p50_s"]:
            groups.setdefault(tuple(row[name] for name in WHERE), {}).setdefault(row["planner"], []).append(row)
    shown = [at for at in range(len(WHERE)) if len({group[at] for group in groups}) > 1 or at == 0]
    yield [*(WHERE[at] for at in shown), *HEAD]
    for group in sorted(groups):
        yield [*(group[at] or "own" for at in shown), *_compared(groups[group])]


def _compared(planners: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    predicted = {name: median(numbers(rows, "predicted_p50_s")) or 0.0 for name, rows in planners.items()}
    real = {name: numbers(rows, "makespan_s") for name, rows in planners.items()}
    yield _order(predicted)
    yield _order({name: median(times) or 0.0 for name, times in real.items()})
    signs = [_sign(real[a], real[b]) * _said(predicted[a], predicted[b]) for a, b in combinations(planners, 2)]
    confirmed, contradicted = signs.count(1), signs.count(-1)
    yield f"{confirmed}"
    yield f"{contradicted}"
    yield _verdict(confirmed, contradicted, list(real.values()))


def _verdict(confirmed: int, contradicted: int, real: Sequence[Sequence[float]]) -> str:
    if contradicted:
        return "contradicted"
    if confirmed:
        return "confirmed"
    if any(interval(times)[0] is None for times in real):
        return "too few runs"
    are_alike = not any(_sign(one, other) for one, other in combinations(real, 2))
    return "confirmed: all alike" if are_alike else "not predicted"


def _order(times: Mapping[str, float]) -> str:
    return " < ".join(f"{name} {times[name]:.3g}" for name in sorted(times, key=lambda name: times[name]))


def _sign(one: Sequence[float], other: Sequence[float]) -> int:
    """-1 when `one` is surely the faster, 1 the slower, 0 when these runs do not tell."""
    (low, high), (least, most) = interval(one), interval(other)
    if low is None or high is None or least is None or most is None:
        return 0
    return -1 if high < least else 1 if low > most else 0


def _said(one: float, other: float) -> int:
    if abs(one - other) < NEAR * max(one, other):
        return 0
    return -1 if one < other else 1
