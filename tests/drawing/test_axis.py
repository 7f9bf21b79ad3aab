"""The ticks of an axis: round, apart, within, and labelled in seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.drawing.axis import ticks


@pytest.mark.parametrize(
    ("start", "end", "most", "labels"),
    [
        (0.0, 10.0, 5, ["0", "2", "4", "6", "8", "10"]),
        (0.0, 0.47, 5, ["0", "0.1", "0.2", "0.3", "0.4"]),
        (0.0, 0.0023, 5, ["0", "0.0005", "0.0010", "0.0015", "0.0020"]),
        (-1.0, 2.4, 4, ["-1", "0", "1", "2"]),
        (0.0, 95.0, 4, ["0", "30", "60", "90"]),
        (0.0, 7200.0, 4, ["0", "1,800", "3,600", "5,400", "7,200"]),
        (0.0, 400_000.0, 4, ["0", "172,800", "345,600"]),
    ],
)
def test_ticks_are_round(start: float, end: float, most: int, labels: list[str]) -> None:
    assert [label for _, label in ticks(start, end, most)] == labels


@given(start=st.floats(-1e4, 1e4), length=st.floats(0, 1e8), most=st.integers(1, 40))
def test_there_are_at_most_so_many_and_all_are_within(start: float, length: float, most: int) -> None:
    found = [at for at, _ in ticks(start, start + length, most)]
    assert len(found) <= most + 2
    assert all(start - 1e-6 * (1 + length) <= at <= start + length * (1 + 1e-6) + 1e-6 for at in found)
