"""Shares of runs that kept within what was promised of them, with their intervals."""

from __future__ import annotations

import pytest

from runtime.history.calibration import coverages, histogram, interval


def test_a_run_keeps_within_the_percentiles_above_its_rank() -> None:
    found = {one.percentile: one.kept for one in coverages({0: 3, 49: 1, 50: 2, 94: 1, 95: 1, 99: 2})}
    assert found == {50: 4, 90: 6, 95: 7, 99: 8}


def test_of_no_runs_nothing_is_told() -> None:
    assert coverages({}) == ()


def test_ranks_spread_evenly_are_right_and_others_are_not() -> None:
    even = dict.fromkeys(range(100), 4)
    assert all(one.is_right and one.share == pytest.approx(one.percentile / 100) for one in coverages(even))
    late = coverages({rank: 4 for rank in range(50, 100)}, (50, 90, 95))
    assert not any(one.is_right for one in late)


@pytest.mark.parametrize(
    ("kept", "runs", "low", "high"), [(19, 20, 0.764, 0.991), (0, 10, 0.0, 0.278), (380, 400, 0.924, 0.967)]
)
def test_an_interval_is_wilson_s(kept, runs, low, high) -> None:
    assert interval(kept, runs) == pytest.approx((low, high), abs=0.001)


def test_a_histogram_holds_every_run() -> None:
    assert histogram({0: 1, 4: 1, 5: 1, 99: 7}, 20) == (2, 1, *[0] * 17, 7)
