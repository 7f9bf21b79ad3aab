"""Distributions: monotone, never zero, as wide as what is known, whatever they are made from."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.predict.distribution import PARTS, SCORES, Distribution, around, measured
from runtime.history.sketch import Sketch


def of(values: list[float], *, count: float | None = None) -> Distribution:
    logs = [log(value) for value in values]
    return measured(
        np.array(Sketch.of(values).quantiles(PARTS)),
        centre=float(np.mean(logs)),
        spread=float(np.std(logs)),
        count=len(values) if count is None else count,
        source="test",
    )


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_higher_percentile_never_says_less(values: list[float]) -> None:
    found = of(values)
    quantiles = [found.quantile(part) for part in (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)]
    assert quantiles == sorted(quantiles) and quantiles[0] > 0


def test_many_samples_are_given_back_as_they_are() -> None:
    random = np.random.default_rng(5)
    values = list(np.exp(random.normal(-3.0, 0.4, 4000)) + 0.01)
    found = of(values)
    for part in (0.05, 0.5, 0.9, 0.95, 0.99):
        assert found.quantile(part) == pytest.approx(np.quantile(values, part), rel=0.03)
    assert found.mean == pytest.approx(np.mean(values), rel=0.02)


def test_shape_with_two_peaks_is_kept() -> None:
    found = of([1.0] * 700 + [10.0] * 300)
    assert found.quantile(0.5) == pytest.approx(1.0, rel=0.05)
    assert found.quantile(0.9) == pytest.approx(10.0, rel=0.1)


def test_few_samples_make_tails_wider() -> None:
    values = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, 0.95, 1.15, 0.85, 1.0]
    few, many = of(values, count=10), of(values, count=10_000)
    assert few.quantile(0.95) > many.quantile(0.95)
    assert few.quantile(0.05) < many.quantile(0.05)
    assert few.median == pytest.approx(many.median, rel=0.02)


def test_two_samples_that_differ_say_no_nonsense() -> None:
    """Seconds were met: a high percentile is widened, and no matter of hours."""
    few, more = of([1.0, 3.0]), of([1.0, 3.0] * 50)
    assert more.quantile(0.99) < few.quantile(0.99) < 60
    assert few.quantile(0.99) > 2 * more.quantile(0.99)


def test_promise_from_ten_samples_is_kept_as_often_as_it_says() -> None:
    """Of many worlds with ten samples each, the next value is within its p95 in about 95 of 100."""
    random = np.random.default_rng(11)
    kept = 0
    worlds = 1_500
    for _ in range(worlds):
        sample = np.exp(random.normal(0.0, 0.3, 11))
        kept += sample[10] <= of(list(sample[:10])).quantile(0.95)
    assert kept / worlds == pytest.approx(0.95, abs=0.025)


def test_one_sample_is_a_guess_and_not_a_certainty() -> None:
    found = measured(np.full(len(SCORES), 2.0), centre=log(2.0), spread=0.1, count=1, source="1 sample")
    assert found.quantile(0.95) > 2.5


def test_scaling_moves_everything() -> None:
    found = around(2.0, 0.5, "hint").scaled(3.0, "brought to 512 MB")
    assert found.median == pytest.approx(6.0) and found.source == "hint, brought to 512 MB"
    assert found.quantile(0.84) == pytest.approx(6.0 * exp(0.4972), rel=0.01)


def test_bound_holds_at_every_quantile() -> None:
    bounded = around(2.0, 0.1, "a").no_longer_than(around(1.0, 1.0, "b"))
    for part in (0.01, 0.3, 0.6, 0.99):
        assert (
            bounded.quantile(part)
            <= min(around(2.0, 0.1, "a").quantile(part), around(1.0, 1.0, "b").quantile(part)) + 1e-9
        )


def test_zeros_are_small_and_not_nothing() -> None:
    found = measured(np.zeros(len(SCORES)), centre=log(1e-7), spread=0.02, count=5, source="5 samples")
    assert found.quantile(0.5) > 0
