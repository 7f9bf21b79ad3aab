"""The functions and filters of the expression language: typed, bounded, without side effects.

Each takes the account of work first and its evaluated arguments after it. What makes a list checks its length
before making it; what moves values moves references too; what computes with values refuses them.
"""

from __future__ import annotations

import itertools
import json
import math
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from compiler.manifest.expressions.budget import MAX_VALUE_DEPTH, Budget, check_elements, check_text
from compiler.manifest.expressions.faults import ExprFault
from compiler.manifest.expressions.operators import as_text, is_number, less, refuse_symbolic
from compiler.manifest.expressions.symbols import Level, TaskRef, describe

Implementation = Callable[..., object]

ELEMENTS_OF_LIST = 6
"""What a list weighs by itself, in elements."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language and how many arguments it takes (`most` None: any number)."""

    call: Implementation
    least: int
    most: int | None


def _sequence(value: object, name: str, budget: Budget) -> Sequence[object]:
    """The elements of a list, a family or (its keys) a dict. Raises E206, E214."""
    if isinstance(value, (list, range)):
        found: Sequence[object] = value
    elif isinstance(value, Level):
        found = value.items()
    elif isinstance(value, dict):
        found = list(value)
    else:
        refuse_symbolic(value, f"in `{name}`")
        raise ExprFault("E206", f"`{name}` needs a list, and this is {describe(value)}")
    budget.charge(len(found))
    return found


def _int(value: object, name: str) -> int:
    refuse_symbolic(value, f"in `{name}`")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExprFault("E206", f"`{name}` needs an int, and this is {describe(value)}")
    return value


def _range(budget: Budget, *bounds: object) -> object:
    numbers = [_int(bound, "range") for bound in bounds]
    if len(numbers) == 3 and numbers[2] == 0:
        raise ExprFault("E206", "the step of `range` is not 0")
    made = range(*numbers)
    step = made.step
    count = max(0, -(-(made.stop - made.start) // step))
    check_elements(count, "`range`")
    return made


def _length(budget: Budget, value: object) -> object:
    if isinstance(value, (str, list, range, dict, Level)):
        return len(value)
    refuse_symbolic(value, "for its length")
    raise ExprFault("E206", f"{describe(value)} has no length")


def _extreme(name: str, symbol: str) -> Implementation:
    def call(budget: Budget, *values: object) -> object:
        found = _sequence(values[0], name, budget) if len(values) == 1 else values
        if not found:
            raise ExprFault("E206", f"`{name}` of an empty list")
        best = found[0]
        less(symbol, best, best)
        for value in found[1:]:
            is_better = less(symbol, value, best) if symbol == "<" else less(symbol, best, value)
            best = value if is_better else best
        return best

    return call


def _sum(budget: Budget, values: object) -> object:
    total: int | float = 0
    for value in _sequence(values, "sum", budget):
        refuse_symbolic(value, "in `sum`")
        if not is_number(value):
            raise ExprFault("E206", f"`sum` needs numbers, and this is {describe(value)}")
        total += cast(float, value)
    if isinstance(total, float) and not math.isfinite(total):
        raise ExprFault("E207", "the sum is too large")
    return total


def _zip(budget: Budget, *lists: object) -> object:
    found = [_sequence(value, "zip", budget) for value in lists]
    lengths = [len(values) for values in found]
    if len(set(lengths)) > 1:
        raise ExprFault(
            "E206",
            f"`zip` needs lists of one length, and these have {', '.join(map(str, lengths))}",
            hint="cut the longer one with a slice",
        )
    _charge_lists(lengths[0], len(lists), budget)
    return [list(group) for group in zip(*found, strict=True)]


def _charge_lists(count: int, width: int, budget: Budget) -> None:
    """Lists in a list: each of them weighs as much as some elements."""
    budget.charge(count * (width + ELEMENTS_OF_LIST))


def _enumerate(budget: Budget, values: object, start: object = 0) -> object:
    first, found = _int(start, "enumerate"), _sequence(values, "enumerate", budget)
    _charge_lists(len(found), 2, budget)
    return [[first + at, value] for at, value in enumerate(found)]


def _product(budget: Budget, *lists: object) -> object:
    found = [_sequence(value, "product", budget) for value in lists]
    count = check_elements(math.prod(len(values) for values in found), "`product`")
    _charge_lists(count, len(found), budget)
    return [list(group) for group in itertools.product(*found)]


def _ceil_div(budget: Budget, left: object, right: object) -> object:
    a, b = _int(left, "ceil_div"), _int(right, "ceil_div")
    if b == 0:
        raise ExprFault("E213", "division by zero")
    return -(-a // b)


def _log2(budget: Budget, value: object) -> object:
    number = _int(value, "log2")
    if number < 1 or number & (number - 1):
        raise ExprFault(
            "E206",
            f"`log2` needs a power of two, and this is {number if number.bit_length() < 128 else 'none'}",
            hint="use 1, 2, 4, 8, …",
        )
    return number.bit_length() - 1


def _to_int(budget: Budget, value: object) -> object:
    refuse_symbolic(value, "in `int`")
    if isinstance(value, str):
        digits = value.strip()
        if digits.isascii() and digits.lstrip("+-").isdigit() and len(digits) < 1_000:
            return int(digits)
        raise ExprFault("E206", "`int` needs a text of digits")
    if isinstance(value, (int, float)):
        return int(value)
    raise ExprFault("E206", f"`int` cannot convert {describe(value)}")


def _to_str(budget: Budget, value: object) -> object:
    return as_text(value)


def _abs(budget: Budget, value: object) -> object:
    refuse_symbolic(value, "in `abs`")
    if not is_number(value):
        raise ExprFault("E206", f"`abs` needs a number, and this is {describe(value)}")
    return abs(cast(float, value))


def _join(budget: Budget, values: object, separator: object = "") -> object:
    if not isinstance(separator, str):
        refuse_symbolic(separator, "in `join`")
        raise ExprFault("E206", f"`join` needs a string between the parts, and this is {describe(separator)}")
    parts = [as_text(value) for value in _sequence(values, "join", budget)]
    check_text(sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1), budget)
    return separator.join(parts)


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    as_text(value)
    raise ExprFault("E206", f"`{name}` needs a string, and this is {describe(value)}")


def _upper(budget: Budget, value: object) -> object:
    text = _text(value, "upper")
    check_text(len(text), budget)
    return text.upper()


def _lower(budget: Budget, value: object) -> object:
    text = _text(value, "lower")
    check_text(len(text), budget)
    return text.lower()


def _basename(budget: Budget, value: object) -> object:
    return posixpath.basename(_text(value, "basename"))


def _end(name: str, index: int) -> Implementation:
    def call(budget: Budget, value: object) -> object:
        found = value if isinstance(value, str) else _sequence(value, name, budget)
        if not found:
            raise ExprFault("E206", f"`{name}` of an empty {'string' if isinstance(value, str) else 'list'}")
        return found[index]

    return call


def _sort(budget: Budget, values: object) -> object:
    found = _sequence(values, "sort", budget)
    for value in found:
        less("sort", found[0], value)
    return sorted(cast(Sequence[str], found))


def _list(budget: Budget, value: object) -> object:
    if isinstance(value, str):
        check_elements(len(value), "the list")
        budget.charge(len(value))
        return list(value)
    return list(_sequence(value, "list", budget))


def _flatten(budget: Budget, values: object) -> object:
    """Every element of lists in lists, at any depth."""
    flat: list[object] = []
    stack = [iter(_sequence(values, "flatten", budget))]
    while stack:
        for value in stack[-1]:
            if isinstance(value, (list, range, Level)):
                stack.append(iter(_sequence(value, "flatten", budget)))
                break
            budget.charge(1)
            flat.append(value)
        else:
            stack.pop()
    return flat


def _transpose(budget: Budget, values: object) -> object:
    rows = [_sequence(row, "transpose", budget) for row in _rows(values, budget)]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ExprFault("E206", f"`transpose` needs rows of one length, and these have {sorted(widths)[:4]}")
    _charge_lists(max(widths, default=0), len(rows), budget)
    return [list(column) for column in zip(*rows, strict=True)]


def _rows(values: object, budget: Budget) -> Sequence[object]:
    if isinstance(values, Level) and any(isinstance(child, TaskRef) for child in values.items()):
        raise ExprFault("E306", f"`transpose` needs rows, and `{values.owner.task}` has one `foreach` entry left here")
    return _sequence(values, "transpose", budget)


def _batch(budget: Budget, values: object, size: object) -> object:
    found, width = _sequence(values, "batch", budget), _int(size, "batch")
    if width < 1:
        raise ExprFault("E206", "`batch` needs a size of at least 1")
    _charge_lists(-(-len(found) // width), min(width, len(found)), budget)
    return [list(found[at : at + width]) for at in range(0, len(found), width)]


def _to_json(budget: Budget, value: object) -> object:
    measure(value, budget, is_plain=True)
    text = json.dumps(plain(value), ensure_ascii=False)
    check_text(len(text), budget)
    return text


def plain(value: object) -> object:
    """A value with its ranges written out. Only for values that `measure` found bounded."""
    match value:
        case range():
            return list(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value


def measure(value: object, budget: Budget, *, is_plain: bool = False) -> None:
    """Bound the size and the depth of a value, shared parts counted each time. Raises E207.

    With `is_plain` a run-time value inside is refused (E216).
    """
    count, depth, level = 0, 0, [value]
    while level:
        below: list[object] = []
        for item in level:
            if isinstance(item, (list, dict)):
                count += len(item)
                check_elements(count, "the value")
                below.extend(item.values() if isinstance(item, dict) else item)
            elif isinstance(item, range):
                count += len(item)
                check_elements(count, "the value")
            elif is_plain and item is not None:
                as_text(item)
        depth += 1
        if depth > MAX_VALUE_DEPTH:
            raise ExprFault("E207", f"the value is nested deeper than {MAX_VALUE_DEPTH} levels")
        level = below
    budget.charge(count)


FUNCTIONS: dict[str, Function] = {
    "range": Function(_range, 1, 3),
    "len": Function(_length, 1, 1),
    "min": Function(_extreme("min", "<"), 1, None),
    "max": Function(_extreme("max", ">"), 1, None),
    "sum": Function(_sum, 1, 1),
    "zip": Function(_zip, 1, None),
    "enumerate": Function(_enumerate, 1, 2),
    "product": Function(_product, 1, None),
    "ceil_div": Function(_ceil_div, 2, 2),
    "log2": Function(_log2, 1, 1),
    "int": Function(_to_int, 1, 1),
    "str": Function(_to_str, 1, 1),
    "abs": Function(_abs, 1, 1),
}

FILTERS: dict[str, Function] = {
    "length": Function(_length, 1, 1),
    "join": Function(_join, 1, 2),
    "upper": Function(_upper, 1, 1),
    "lower": Function(_lower, 1, 1),
    "first": Function(_end("first", 0), 1, 1),
    "last": Function(_end("last", -1), 1, 1),
    "sort": Function(_sort, 1, 1),
    "list": Function(_list, 1, 1),
    "flatten": Function(_flatten, 1, 1),
    "transpose": Function(_transpose, 1, 1),
    "batch": Function(_batch, 2, 2),
    "tojson": Function(_to_json, 1, 1),
    "basename": Function(_basename, 1, 1),
}
