"""One table from the rows: what each combination took, what was promised, and what it cost.

Medians stand with an interval that holds the true one in 95 of 100 cases, whatever the distribution: the order
statistics that a binomial count of runs below it allows; it takes six runs. `expected` is the predicted median,
`promised` the predicted makespan at the objective, and `kept` counts the runs within it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from math import comb

from runtime.quantities import format_size
from tests.benchmarks.experiments.cases import KEY
from tests.benchmarks.experiments.ledger import Row

GROUP = tuple(name for name in KEY if name not in ("purpose", "repetition"))
CONFIDENCE = 0.95
HEAD = (
    "runs",
    "makespan",
    "95 % interval",
    "expected",
    "promised",
    "kept",
    "cost",
    "workers",
    "cold",
    "warm",
    "moved",
    "failed",
)


def rows_of_table(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    """A head, and a line for each combination, sorted."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row["purpose"] == "measure":
            groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    shown = [at for at in range(len(GROUP)) if len({group[at] for group in groups}) > 1 or at < 2]
    yield [*(GROUP[at] for at in shown), *HEAD]
    for group in sorted(groups):
        yield [*(group[at] or "own" for at in shown), *_figures(groups[group])]


def _figures(rows: Sequence[Row]) -> Iterator[str]:
    done = [row for row in rows if row["outcome"] == "done"]
    times = numbers(done, "makespan_s")
    promises = [row for row in done if row["predicted_objective_s"]]
    kept = sum(float(row["makespan_s"]) <= float(row["predicted_objective_s"]) for row in promises)
    yield f"{len(done)}"
    yield _seconds(median(times))
    low, high = interval(times)
    yield "?" if low is None else f"{_seconds(low)} to {_seconds(high)}"
    yield _seconds(median(numbers(promises, "predicted_p50_s")))
    yield _seconds(median(numbers(promises, "predicted_objective_s")))
    yield f"{kept} of {len(promises)}"
    cost = median(numbers(done, "cost_usd"))
    yield "?" if cost is None else f"${cost:.7f}"
    for name in ("workers", "cold", "warm"):
        middle = median(numbers(done, name))
        yield "?" if middle is None else f"{middle:g}"
    moved = median(numbers(done, "bytes_moved"))
    yield "?" if moved is None else format_size(int(moved))
    yield f"{len(rows) - len(done)}"


def numbers(rows: Sequence[Row], name: str) -> list[float]:
    return [float(row[name]) for row in rows if row[name]]


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The narrowest pair of order statistics, equally far from both ends, that holds the median as surely as
    `CONFIDENCE`; nothing when there are too few values for that."""
    ordered, count = sorted(values), len(values)
    within = 1.0
    best: tuple[float | None, float | None] = (None, None)
    for left_out in range(count // 2):
        within -= 2 * comb(count, left_out) / 2**count
        if within < CONFIDENCE:
            break
        best = ordered[left_out], ordered[count - 1 - left_out]
    return best


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f} s"
