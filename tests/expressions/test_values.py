"""What expressions give: values with their types, by the rules of the language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.expressions.evaluation import evaluate


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", 7),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("7 / 2", 3.5),
        ("2 ** 10", 1024),
        ("-2", -2),
        ("+2.5", 2.5),
        ("-0.0", -0.0),
        ("'a' + 'b'", "ab"),
        ("[1] + [2, 3]", [1, 2, 3]),
        ("'n' ~ 1 ~ true ~ 1.5", "n1true1.5"),
        ("(1, 2)", [1, 2]),
        ("{'k': [1, none]}", {"k": [1, None]}),
        ("{'k': {'l': 1}}.k.l", 1),
        ("{'k': 1}['k']", 1),
        ("[1, 2, 3][-1]", 3),
        ("'abc'[1]", "b"),
        ("[1, 2, 3, 4][1:3]", [2, 3]),
        ("'abcd'[::-1]", "dcba"),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("0 == false", False),
        ("[1] == [1]", True),
        ("[1] == [true]", False),
        ("{'a': 1} != {'a': 2}", True),
        ("none == none", True),
        ("'a' == 1", False),
        ("'b' > 'a'", True),
        ("2 >= 2", True),
        ("3 in [1, 2, 3]", True),
        ("true in [1]", False),
        ("'b' in 'abc'", True),
        ("'k' not in {'k': 1}", False),
        ("true and not false", True),
        ("0 or 'x'", "x"),
        ("1 if 2 > 1 else 1 // 0", 1),
        ("false and 1 // 0", False),
        ("1 if false", None),
        ("params.n * 2", 8),
        ("params['n']", 4),
        ("range(3)", [0, 1, 2]),
        ("range(1, 9, 4)", [1, 5]),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(3, 0)", []),
        ("len('abc') + len([1]) + len({'a': 1})", 5),
        ("min(3, 1, 2)", 1),
        ("max(['b', 'a'])", "b"),
        ("sum(range(5))", 10),
        ("sum([0.5, 1])", 1.5),
        ("zip([1, 2], 'ab' | list)", [[1, "a"], [2, "b"]]),
        ("enumerate(['a', 'b'])", [[0, "a"], [1, "b"]]),
        ("enumerate(['a'], 5)", [[5, "a"]]),
        ("product([1, 2], ['x'])", [[1, "x"], [2, "x"]]),
        ("ceil_div(7, 2)", 4),
        ("ceil_div(-7, 2)", -3),
        ("log2(512)", 9),
        ("log2(1)", 0),
        ("int('12') + int(2.9) + int(true)", 15),
        ("str(1.5) ~ str(false)", "1.5false"),
        ("abs(-3)", 3),
        ("[1, 2] | length", 2),
        ("['a', 1] | join('-')", "a-1"),
        ("['a', 'b'] | join", "ab"),
        ("'aB' | upper ~ 'Ab' | lower", "ABab"),
        ("[1, 2] | first", 1),
        ("'ab' | last", "b"),
        ("[3, 1, 2] | sort", [1, 2, 3]),
        ("{'b': 1, 'a': 2} | list", ["b", "a"]),
        ("[[1, [2]], range(2)] | flatten", [1, 2, 0, 1]),
        ("[[1, 2], [3, 4]] | transpose", [[1, 3], [2, 4]]),
        ("range(5) | batch(2)", [[0, 1], [2, 3], [4]]),
        ("{'a': [1, none]} | tojson", '{"a": [1, null]}'),
        ("'x/y.txt' | basename", "y.txt"),
        ("1_000", 1000),
        ("0x10", 16),
        ("'1e5'", "1e5"),
        ("'None'", "None"),
    ],
)
def test_expression_gives_a_value_of_its_own_type(source: str, value: object) -> None:
    found = evaluate(source)
    assert (found, type(found)) == (value, type(value))


def test_names_are_values_not_text() -> None:
    assert evaluate("x", x="${{ 1 + 1 }}") == "${{ 1 + 1 }}"


def test_transposing_twice_gives_the_rows_again() -> None:
    assert evaluate("rows | transpose | transpose", rows=[[1, 2, 3], [4, 5, 6]]) == [[1, 2, 3], [4, 5, 6]]


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6).filter(bool))
def test_ceil_div_rounds_up(a: int, b: int) -> None:
    found = evaluate("ceil_div(a, b)", a=a, b=b)
    assert isinstance(found, int)
    assert 0 <= found - a / b < 1 or abs(found - a / b) < 1e-9


@given(st.integers(), st.integers(), st.sampled_from(["+", "-", "*", "<", "==", ">="]))
def test_integer_operators_agree_with_python(a: int, b: int, operator: str) -> None:
    expected = {"+": a + b, "-": a - b, "*": a * b, "<": a < b, "==": a == b, ">=": a >= b}[operator]
    assert evaluate(f"a {operator} b", a=a, b=b) == expected


@given(st.lists(st.integers()), st.integers(-9, 9) | st.none(), st.integers(-9, 9) | st.none())
def test_slices_agree_with_python(values: list[int], start: int | None, stop: int | None) -> None:
    assert evaluate("values[start:stop]", values=values, start=start, stop=stop) == values[start:stop]
