"""Relations: each size has its own sketch, the fit finds the line that the points were drawn from, merges are exact."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.history.relation import LARGEST_BUCKET, Relation, bucket_of, merge_relations

POINTS = st.lists(st.tuples(st.integers(0, 10**13), st.floats(0, 1e6)), min_size=1, max_size=40)


def drawn(count: int, *, power: float, noise: float) -> list[tuple[float, float]]:
    chance = Random(4)
    sizes = [chance.lognormvariate(12, 2) for _ in range(count)]
    return [(size, 0.003 * (1 + size) ** power * chance.lognormvariate(0, noise)) for size in sizes]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_fit_finds_factor_power_and_spread(power: float) -> None:
    fit = Relation.of(drawn(5_000, power=power, noise=0.1)).sums.fit()
    assert fit is not None
    assert fit.power == pytest.approx(power, abs=0.02)
    assert fit.at(1e5) == pytest.approx(0.003 * 1e5**power, rel=0.05)
    assert fit.spread == pytest.approx(0.1 / 0.6931, rel=0.1)


def test_sizes_that_hardly_differ_have_no_line() -> None:
    chance = Random(5)
    points = [(1_000_000 + chance.randrange(500), chance.lognormvariate(0, 1)) for _ in range(500)]
    assert Relation.of(points).sums.fit() is None


@given(POINTS)
def test_any_points_have_sums_that_are_possible_and_a_line_that_can_be_followed(
    points: list[tuple[float, float]],
) -> None:
    sums = Relation.of(points).sums
    assert sums.is_possible()
    if (fit := sums.fit()) is not None:
        assert all(0 < fit.at(size) < 1e16 for size in (0, 1, 1e6, 1e15))


def test_points_of_one_size_have_no_line() -> None:
    assert Relation.of([(7, 1.0), (7, 2.0)]).sums.fit() is None
    assert Relation().sums.fit() is None


@given(POINTS, POINTS, POINTS)
def test_merges_in_any_order_are_the_same_relation_as_of_all_points(
    first: list[tuple[float, float]], second: list[tuple[float, float]], third: list[tuple[float, float]]
) -> None:
    a, b, c = map(Relation.of, (first, second, third))
    whole = Relation.of([*first, *second, *third])
    assert merge_relations([a, b, c]) == merge_relations([merge_relations([c, b]), a]) == whole
    assert whole.count == len(first) + len(second) + len(third) == whole.whole().count


@given(st.floats(0, 1e30), st.floats(0, 1e30))
def test_more_bytes_never_have_a_lower_bucket(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 0 <= bucket_of(low) <= bucket_of(high) <= LARGEST_BUCKET


def test_measures_are_looked_up_by_about_their_size() -> None:
    relation = Relation.of([(0, 1.0), (1000, 5.0), (1_000_000, 9.0)])
    assert relation.near(1020).maximum == 5.0
    assert relation.near(0).maximum == 1.0
    assert relation.near(50_000_000).count == 0
