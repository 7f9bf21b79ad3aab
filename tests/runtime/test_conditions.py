"""Conditions on the values of a run: the same answers as expressions give when a manifest is compiled."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from runtime.plan import Condition, Leaf, Ref, Value
from runtime.tasks.conditions import ConditionFault, holds


def _says(operator: str, *operands: Any) -> bool:
    """The operator over values that only a run knows."""
    values = list(operands)

    def value_of(leaf: Leaf) -> object:
        assert isinstance(leaf, Ref)
        return values[leaf.edge]

    return holds(Condition(operator, tuple(Ref(edge) for edge in range(len(values)))), value_of)


@pytest.mark.parametrize(
    ("left", "operator", "right", "answer"),
    [
        (1, "eq", 1.0, True),
        (1, "eq", True, False),
        ([1], "eq", [True], False),
        ((1, 2), "eq", [1, 2], True),
        ({"a": (1,)}, "eq", {"a": [1]}, True),
        ({"a": 1}, "eq", {"b": 1}, False),
        (None, "ne", 0, True),
        ("a", "lt", "b", True),
        (2, "lteq", 2.0, True),
        (2, "gteq", 3, False),
        (date(2026, 1, 2), "gt", date(2026, 1, 1), True),
        (True, "in", [1], False),
        (1, "in", (0, 1), True),
        ("b", "in", "abc", True),
        ("b", "notin", {"a": 1}, True),
        (None, "eq", None, True),
    ],
)
def test_a_comparison_means_what_it_means_when_compiled(left: Any, operator: str, right: Any, answer: bool) -> None:
    assert _says(operator, left, right) is answer


@pytest.mark.parametrize(
    ("left", "operator", "right", "message"),
    [
        (None, "lt", 3, "`<` cannot compare null with an int"),
        (True, "gteq", 3, "`>=` cannot compare a bool with an int"),
        ("3", "gt", 3, "`>` cannot compare a string with an int"),
        (1, "in", "abc", "`in` cannot look for an int in a string"),
        (1, "notin", None, "`not in` cannot look for an int in null"),
    ],
)
def test_what_cannot_be_compared_is_told_by_its_types(left: Any, operator: str, right: Any, message: str) -> None:
    with pytest.raises(ConditionFault) as caught:
        _says(operator, left, right)
    assert str(caught.value) == message


class _Moody:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not today")

    def __bool__(self) -> bool:
        raise RuntimeError("who knows")


def test_values_that_refuse_are_told() -> None:
    with pytest.raises(ConditionFault, match="a value of type _Moody with an int: not today"):
        _says("eq", _Moody(), 1)
    with pytest.raises(ConditionFault, match="a value of type _Moody is neither true nor false: who knows"):
        _says("not", _Moody())


def test_the_right_side_is_read_only_when_it_decides() -> None:
    asked: list[Leaf] = []

    def value_of(leaf: Leaf) -> object:
        asked.append(leaf)
        assert isinstance(leaf, Ref)
        return leaf.edge

    condition: Value = Condition("and", (Ref(0), Condition("lt", (Ref(1), Ref(2)))))
    assert holds(condition, value_of) is False
    assert holds(Condition("or", (Ref(3), Ref(4))), value_of) is True
    assert asked == [Ref(0), Ref(3)]


def test_a_constant_is_a_condition() -> None:
    assert holds(True, lambda leaf: None) and not holds([], lambda leaf: None)
