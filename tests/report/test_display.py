"""Results on the screen: short ones whole, long ones cut, broken ones shown all the same."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.display import MAX_LINES, json_entry, pretty, safe_repr


@dataclass
class Point:
    x: int


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (7, "7"),
        ("a\nb", "a\nb"),
        ({}, "{}"),
        ({"a": 1, "b": [1, 2]}, "a: 1\nb: [1, 2]"),
        ({"a": {"b": {"c": 2}}}, "a:\n  b:\n    c: 2"),
        ([("self", 3), ("def", 2)], "[('self', 3), ('def', 2)]"),
        (Point(x=1), "Point(x=1)"),
        (b"abc", "b'abc'"),
    ],
)
def test_small_values_are_shown_whole(value: object, text: str) -> None:
    assert pretty(value) == text


def test_long_lists_are_cut_with_a_count() -> None:
    lines = pretty(list(range(1000))).splitlines()
    assert lines[0] == "- 0"
    assert lines[-1] == "… 980 more items"


def test_bytes_are_counted_not_poured_out() -> None:
    assert pretty(b"\x89PNG" + bytes(100_000)).startswith("100,004 bytes, b'\\x89PNG")


def test_value_whose_repr_raises_is_named() -> None:
    assert "Broken" in pretty(Broken())
    assert "Broken" in pretty([Broken()])


@pytest.mark.parametrize("value", [Point(x=1), b"x", {1, 2}, float("nan"), np.int64(3), 1j, Broken()])
def test_value_that_json_cannot_hold_is_shown_as_repr(value: object) -> None:
    entry = json_entry("result", value)
    assert list(entry) == ["result", "result_repr"] and entry["result"] is None
    json.dumps(entry)


def test_value_that_json_holds_is_itself() -> None:
    assert json_entry("result", {"a": [1, None, "x", 2.5, True]}) == {"result": {"a": [1, None, "x", 2.5, True]}}


def test_very_deep_value_is_no_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert pretty(deep)
    assert json_entry("result", deep)["result"] is None
    while deep:
        deep = deep.pop()  # type: ignore[assignment]


def test_huge_integer_is_no_crash() -> None:
    assert pretty(10**5000)
    assert safe_repr(10**5000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=20), inner, max_size=30),
    max_leaves=60,
)


@given(JSON)
def test_any_value_is_shown_within_bounds(value: object) -> None:
    assert len(pretty(value).split("\n")) <= MAX_LINES + 1
    assert list(json_entry("result", value)) == ["result"]
