"""The table of an experiment."""

from __future__ import annotations

import random
import statistics

import pytest

from tests.benchmarks.experiments.ledger import COLUMNS
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
