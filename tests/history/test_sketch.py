"""The sketch: as exact as it says, as DataDog's DDSketch, bounded, monotone, and a merge is a sum to the bit."""

from __future__ import annotations

import math
from random import Random

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from runtime.history.sketch import ACCURACY, BINS, LARGEST, SMALLEST, Sketch, merge_sketches

VALUES = st.floats(min_value=0, max_value=1e14) | st.floats(min_value=1e-7, max_value=10.0)
LISTS = st.lists(VALUES, min_size=1, max_size=60)
PARTS = st.floats(min_value=0, max_value=1)


def exact(values: list[float], p: float) -> float:
    return sorted(values)[max(1, math.ceil(p * len(values) - 1e-6)) - 1]


@given(LISTS, PARTS)
def test_a_quantile_is_within_its_accuracy_of_the_exact_one(values: list[float], p: float) -> None:
    true = exact(values, p)
    assert abs(Sketch.of(values).quantile(p) - true) <= 1.001 * ACCURACY * true + SMALLEST


@given(LISTS, st.lists(PARTS, min_size=2, max_size=10))
def test_a_higher_part_never_has_a_lower_quantile(values: list[float], parts: list[float]) -> None:
    found = Sketch.of(values).quantiles(sorted(parts))
    assert list(found) == sorted(found)


@given(LISTS, LISTS, LISTS)
def test_merges_in_any_order_are_the_same_sketch_as_of_all_values(
    first: list[float], second: list[float], third: list[float]
) -> None:
    a, b, c = map(Sketch.of, (first, second, third))
    whole = Sketch.of([*first, *second, *third])
    assert merge_sketches([a, b, c]) == whole
    assert merge_sketches([merge_sketches([c, a]), b]) == whole
    assert list(merge_sketches([c, b, a]).bins) == list(whole.bins)


@given(st.lists(st.floats(), max_size=30))
def test_what_cannot_be_measured_is_taken_for_the_nearest_that_can(values: list[float]) -> None:
    sketch = Sketch.of(values)
    assert sketch.count == len(values)
    if values:
        assert 0 <= sketch.quantile(0) <= sketch.quantile(1) <= LARGEST


def test_bins_are_bounded_whatever_comes() -> None:
    chance = Random(1)
    sketch = Sketch.of(10.0 ** chance.uniform(-320, 300) for _ in range(100_000))
    assert len(sketch.bins) <= BINS < 3_000
    assert sketch.count == 100_000


def test_it_agrees_with_ddsketch_of_datadog() -> None:
    chance = Random(2)
    values = [chance.lognormvariate(-3, 2) for _ in range(5_000)]
    theirs, ours = DDSketch(ACCURACY), Sketch.of(values)
    for value in values:
        theirs.add(value)
    for p in (0.01, 0.1, 0.5, 0.9, 0.95, 0.99):
        assert ours.quantile(p) == pytest.approx(theirs.get_quantile_value(p), rel=1e-9)
    assert ours.mean == pytest.approx(theirs.avg, rel=1e-6)


def test_the_share_below_a_value_and_quantiles_are_inverse() -> None:
    chance = Random(3)
    sketch = Sketch.of(chance.lognormvariate(0, 1) for _ in range(10_000))
    for p in (0.05, 0.5, 0.95):
        assert sketch.share_below(sketch.quantile(p)) == pytest.approx(p, abs=0.02)


def test_a_high_quantile_of_few_values_is_the_largest_of_them() -> None:
    assert Sketch.of([1.0, 2.0]).quantiles((0.5, 0.51, 0.9, 1.0)) == pytest.approx((1.0, 2.0, 2.0, 2.0), rel=ACCURACY)


def test_of_nothing_there_is_no_quantile() -> None:
    with pytest.raises(ValueError, match="empty"):
        Sketch().quantile(0.5)
