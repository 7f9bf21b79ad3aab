"""The table of an experiment."""

from __future__ import annotations

import random
import statistics

import pytest

from tests.benchmarks.experiments.ledger import COLUMNS
from tests.benchmarks.experiments.orders import rows_of_orders
from tests.benchmarks.experiments.reports import interval, rows_of_table


@pytest.mark.parametrize(("count", "low", "high"), [(6, 0, 5), (9, 1, 7), (10, 1, 8), (20, 5, 14)])
def test_interval_of_the_median_is_that_of_the_tables(count: int, low: int, high: int) -> None:
    assert interval([float(value) for value in range(count)]) == (low, high)


def test_too_few_runs_have_no_interval() -> None:
    assert interval([1.0] * 5) == (None, None)
    assert interval([]) == (None, None)


def test_interval_holds_the_median_in_at_least_95_of_100_cases() -> None:
    chance = random.Random(4)
    samples = [[chance.expovariate(1) for _ in range(15)] for _ in range(2000)]
    median = 0.6931
    held = [low <= median <= high for low, high in map(interval, samples) if low is not None and high is not None]
    assert statistics.mean(held) >= 0.95


def row(**values: str) -> dict[str, str]:
    given = {"workflow": "gemm", "planner": "simple", "purpose": "measure", "outcome": "done", **values}
    return dict.fromkeys(COLUMNS, "") | given


def test_table_tells_each_combination_with_what_was_promised_and_kept() -> None:
    rows = [
        row(makespan_s="1.0", predicted_objective_s="1.5", cost_usd="0.001", cold="4", bytes_moved="2048"),
        row(makespan_s="2.0", predicted_objective_s="1.5", cost_usd="0.003", cold="0", bytes_moved="2048"),
        row(outcome="failed", message="no"),
        row(purpose="learn", makespan_s="9.0"),
        row(planner="wukong", makespan_s="3.0"),
    ]
    head, *lines = rows_of_table(rows)
    by_planner = {line[1]: dict(zip(head, line, strict=True)) for line in lines}
    simple = by_planner["simple"]
    assert (simple["runs"], simple["makespan"], simple["kept"], simple["failed"]) == ("2", "1.500 s", "1 of 2", "1")
    assert (simple["cost"], simple["cold"], simple["moved"]) == ("$0.0020000", "2", "2 KiB")
    assert by_planner["wukong"]["promised"] == "?"


def test_columns_in_which_all_rows_agree_are_left_out_of_the_table() -> None:
    head, *_ = rows_of_table([row(sla="p50", start="warm"), row(sla="p95", start="warm")])
    assert "sla" in head
    assert "start" not in head


def raced(planner: str, predicted: float, *real: float) -> list[dict[str, str]]:
    return [row(planner=planner, predicted_p50_s=str(predicted), makespan_s=str(seconds)) for seconds in real]


FAST, SLOW = (1.0, 1.1, 1.2, 1.3, 1.2, 1.1), (2.0, 2.1, 2.2, 2.3, 2.2, 2.1)


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (raced("simple", 1.0, *FAST) + raced("wukong", 2.0, *SLOW), ["1", "0", "confirmed"]),
        (raced("simple", 2.0, *FAST) + raced("wukong", 1.0, *SLOW), ["0", "1", "contradicted"]),
        (raced("simple", 1.0, *FAST) + raced("wukong", 1.02, *SLOW), ["0", "0", "not predicted"]),
        (raced("simple", 1.0, *FAST) + raced("wukong", 2.0, *FAST), ["0", "0", "confirmed: all alike"]),
        (raced("simple", 2.0, *FAST[:5]) + raced("wukong", 1.0, *SLOW), ["0", "0", "too few runs"]),
    ],
    ids=["confirmed", "contradicted", "too near to be predicted", "too near to be seen", "too few runs"],
)
def test_real_runs_confirm_an_order_or_contradict_it(rows: list[dict[str, str]], verdict: list[str]) -> None:
    _, line = rows_of_orders(rows)
    assert line[-3:] == verdict


def test_orders_are_those_of_the_medians() -> None:
    _, line = rows_of_orders(raced("simple", 2.0, *FAST) + raced("wukong", 1.0, *SLOW))
    assert line[1:3] == ["wukong 1 < simple 2", "simple 1.15 < wukong 2.15"]
