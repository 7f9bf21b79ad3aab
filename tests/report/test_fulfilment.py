"""What was promised of a run is shown beside what it did, and what the run costs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runtime.costs import cost_of
from runtime.moments import Part
from runtime.prices import Prices, prices_of, prices_row
from runtime.promise import Promise, promise_document, promise_of
from runtime.report import result_object, summary_text, time_text
from runtime.runs.fulfilment import fulfilment_object, fulfilment_of, fulfilment_text
from runtime.runs.summary import summarize
from runtime.runs.summary_views import WIDTH, summary_lines
from tests.report.test_summary import invocation, span, start_up, timeline
from tests.results import run_result

PRICES = Prices(gb_second_usd={"x86_64": 0.00002, "arm64": 0.00001}, request_usd=0.0000002)
RUN = timeline(invocation(start_up(ended_at=110.0), span("a", 101.0, 2.0, committed_at=103.5)))


def promise(**changes: object) -> Promise:
    """Of 1 s to 99 s, a second each percentile."""
    given = Promise(
        makespans_s=tuple(float(percentile) for percentile in range(1, 100)),
        mean_s=50.0,
        model_s=40.0,
        cost_usd=0.001,
        seconds={part.value: 1.0 for part in Part},
        cold=1,
        warm=0,
        samples=7,
        runs=30,
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def test_a_run_fell_at_the_least_percentile_that_it_kept_within() -> None:
    found = fulfilment_of(promise(), RUN, is_success=True)
    assert found is not None
    assert (found.makespan_s, found.percentile) == (10.0, 10)
    assert fulfilment_text(found).endswith("this run kept within p10")
    late = fulfilment_of(promise(), replace(RUN, last_commit=1000.0), is_success=True)
    assert late is not None
    assert late.percentile == 100
    assert fulfilment_text(late).endswith("this run took longer than p99")


@pytest.mark.parametrize(
    ("run", "is_success"),
    [(RUN, False), (None, True), (replace(RUN, last_commit=0.0), True), (replace(RUN, invoked_at=105.0), True)],
    ids=["failed", "unmeasured", "stored nothing", "resumed"],
)
def test_only_a_run_that_succeeded_in_one_launch_is_held_against_its_promise(run, is_success) -> None:
    found = fulfilment_of(promise(), run, is_success=is_success)
    assert found is not None
    assert found.percentile is None
    assert "this run" not in fulfilment_text(found)
    assert fulfilment_object(found)["percentile"] is None


def test_each_kind_of_time_is_shown_as_planned_and_as_it_was() -> None:
    expected = promise(seconds={"execution": 1.5, "upload": 0.25})
    lines = list(summary_lines(summarize(RUN), fulfilment_of(expected, RUN, is_success=True)))
    row = {line.split("  ")[1]: line.split() for line in lines if line.startswith("  ")}
    assert row["execution"][1:5] == ["2.00", "s", "1.50", "s"]
    assert row["upload"][1:4] == ["0", "250", "ms"]
    assert "?" in row["start-up, cold"]
    assert all(len(line) <= WIDTH for line in lines)


def test_a_result_tells_promise_and_cost() -> None:
    result = run_result(promise=promise(), timeline=RUN, cost_usd=0.00123)
    assert "$0.00123 on Lambda" in summary_text(result)
    assert time_text(result).startswith("promised p50 50.0 s")
    shown = json.loads(json.dumps(result_object(result)))
    assert shown["cost_usd"] == 0.00123
    assert (shown["promise"]["percentile"], shown["promise"]["makespan_s"]["p95"]) == (10, 95.0)
    nothing = result_object(run_result())
    assert (nothing["promise"], nothing["cost_usd"]) == (None, None)


def test_a_run_costs_the_memory_of_its_invocations_over_their_time_and_each_request() -> None:
    warm = invocation(start_up(state="warm", memory_mb=2048, env_class="2048-arm64-3.11", ended_at=110.25))
    cost = cost_of(timeline(*RUN.invocations, warm), PRICES)
    cold_gb_s, warm_gb_s = 10.0 * 1769 / 1024, 10.0 * 2
    assert cost.requests == 2
    assert cost.gb_s == pytest.approx(cold_gb_s + warm_gb_s)
    assert cost.usd == pytest.approx(cold_gb_s * 0.00002 + warm_gb_s * 0.00001 + 2 * 0.0000002)


def test_a_wait_for_an_environment_costs_nothing_and_the_start_of_one_does() -> None:
    waited = invocation(start_up(start_time=108.0, queue_s=7.75, ended_at=110.0), span("a", 108.0, 2.0))
    assert cost_of(timeline(waited), PRICES).gb_s == pytest.approx(2.25 * 1769 / 1024)


def test_an_invocation_without_an_end_costs_what_is_known_of_it() -> None:
    killed = invocation(start_up(ended_at=0.0), span("a", 101.0, 2.0), is_complete=False)
    assert cost_of(timeline(killed), PRICES).gb_s == pytest.approx(3.0 * 1769 / 1024)


def test_prices_and_promises_come_back_as_they_were_written() -> None:
    assert prices_of(json.loads(json.dumps(prices_row(PRICES)))) == PRICES
    assert promise_of(json.loads(json.dumps(promise_document(promise())))) == promise()


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf"), "1", None, True])
def test_what_is_no_price_is_refused(price) -> None:
    with pytest.raises(ValueError, match="is no price"):
        prices_of({"gb_second": {"x86_64": price}, "request": 0.0})
