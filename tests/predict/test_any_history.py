"""Whatever is remembered, and whatever is asked: a prediction is finite, above zero, and its quantiles do not fall."""

from __future__ import annotations

from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.predict.execution import predict_execution
from compiler.predict.sizes import predict_size
from runtime.history.records import FamilyHistory
from runtime.history.relation import Relation
from tests.predict.histories import environment, family

SECONDS = st.floats(1e-9, 1e6)
BYTES = st.one_of(st.just(0), st.integers(1, 10**12))
SIZES = st.one_of(st.none(), st.floats(0, 1e12))


@st.composite
def families(draw: st.DrawFn) -> FamilyHistory:
    """Runs with recent samples, or executions of which nothing but the relation is left, or first ones alone."""
    points = st.lists(st.tuples(BYTES, SECONDS), max_size=6)
    given_bytes = draw(st.lists(st.tuples(BYTES, BYTES), max_size=6))
    if draw(st.booleans()):
        runs = draw(st.lists(st.lists(SECONDS, min_size=1, max_size=3), min_size=1, max_size=4))
        return family(runs, input_bytes=draw(BYTES), output=given_bytes)
    return FamilyHistory(
        fingerprint="f",
        execs=Relation.of(draw(points)),
        first_execs=Relation.of(draw(points)),
        outputs={"": Relation.of(given_bytes)},
    )


@settings(max_examples=150, deadline=None)
@given(families(), BYTES, SIZES)
def test_a_size_is_a_number_of_bytes(known: FamilyHistory, input_bytes: int, hinted: float | None) -> None:
    size = predict_size({"e": known}, "", hinted, input_bytes)
    assert size.bytes >= 0
    assert size.source


@settings(max_examples=150, deadline=None)
@given(families(), families(), BYTES, st.sampled_from([128, 512, 1769, 10240]))
def test_seconds_are_finite_and_never_fall_with_the_percentile(
    small: FamilyHistory, large: FamilyHistory, input_bytes: int, memory_mb: int
) -> None:
    known = {"small": small, "large": large}
    environments = {"small": environment(512, 1.0), "large": environment(1769, 1.0)}
    seconds = predict_execution(known, environments, memory_mb=memory_mb, input_bytes=input_bytes).seconds
    quantiles = [seconds.quantile(part) for part in (0.001, 0.05, 0.5, 0.9, 0.95, 0.999)]
    assert all(isfinite(value) and value > 0 for value in quantiles)
    assert quantiles == sorted(quantiles)
