"""What a `when` comes to on the values of a run: true or false, or why that cannot be told.

Operators mean here what they mean when a manifest is compiled: a bool equals no number, `<` compares numbers with
numbers and texts with texts, `and` and `or` look at their right side only when they must. What a manifest cannot
write (a date, an array) is compared as Python does; a tuple is a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap

from runtime.plan import Condition, Leaf, Value, map_refs


class ConditionFault(Exception):
    """The condition cannot be evaluated on the values that it reads."""


def holds(condition: Value, value_of: Callable[[Leaf], object]) -> bool:
    """Whether a condition is true; `value_of` gives what a leaf stands for, when it is needed.

    Raises ConditionFault, and whatever `value_of` raises.
    """
    return _truth(_evaluate(condition, value_of))


def _evaluate(value: Value, value_of: Callable[[Leaf], object]) -> object:
    if not isinstance(value, Condition):
        return map_refs(value, value_of)
    first, *rest = value.operands
    left = _evaluate(first, value_of)
    match value.operator:
        case "not":
            return not _truth(left)
        case "and" | "or":
            return _evaluate(rest[0], value_of) if _truth(left) is (value.operator == "and") else left
        case operator:
            return _compared(operator, left, _evaluate(rest[0], value_of))


def _compared(operator: str, left: object, right: object) -> bool:
    try:
        return _COMPARISONS[operator](left, right)
    except ConditionFault:
        raise
    except Exception as err:
        symbol = _SYMBOLS[operator]
        message = f"`{symbol}` cannot compare {_kind(left)} with {_kind(right)}"
        if operator in ("in", "notin"):
            message = f"`{symbol}` cannot look for {_kind(left)} in {_kind(right)}"
        raise ConditionFault(message if isinstance(err, TypeError) else f"{message}: {err}") from err


def _truth(value: object) -> bool:
    try:
        return bool(value)
    except Exception as err:
        raise ConditionFault(f"{_kind(value)} is neither true nor false: {err}") from err


def _equal(left: object, right: object) -> bool:
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(starmap(_equal, zip(left, right, strict=True)))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _less(left: object, right: object) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        raise TypeError
    return bool(left < right)  # type: ignore[operator]


def _contains(item: object, container: object) -> bool:
    if isinstance(container, (list, tuple)):
        return any(_equal(item, element) for element in container)
    return item in container  # type: ignore[operator]


_COMPARISONS: Mapping[str, Callable[[object, object], bool]] = {
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "lt": _less,
    "gt": lambda left, right: _less(right, left),
    "lteq": lambda left, right: _equal(left, right) or _less(left, right),
    "gteq": lambda left, right: _equal(left, right) or _less(right, left),
    "in": _contains,
    "notin": lambda item, container: not _contains(item, container),
}
_SYMBOLS = dict(zip(_COMPARISONS, ("==", "!=", "<", ">", "<=", ">=", "in", "not in"), strict=True))


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool() | int() | float() | str() | list() | dict():
            name = type(value).__name__
            return f"a{'n' if name == 'int' else ''} {'string' if name == 'str' else name}"
        case _:
            return f"a value of type {type(value).__name__}"
