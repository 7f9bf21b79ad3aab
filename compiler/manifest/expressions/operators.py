"""What each operator does to typed values, and what it refuses: by type E206, by size E207, by time E214 and E216.

A bool is no int. Numbers add, subtract, multiply and divide; texts and lists add; nothing else does. Sizes are
checked before anything is computed. Run-time values (`compiler.manifest.expressions.symbols`) are refused everywhere
here but in `subscript`, and in comparisons of a `when`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

from compiler.manifest.expressions.budget import MAX_INT_BITS, Budget, check_bits, check_elements, check_text
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.symbols import (
    RUN_TIME,
    SYMBOLIC,
    DynRef,
    Given,
    InputValue,
    Item,
    Level,
    Namespace,
    NoOutput,
    Outputs,
    SecretValue,
    TaskRef,
    describe,
    show,
)
from compiler.suggest import did_you_mean
from runtime.plan import instance_name

Number = int | float
STEPS_OF_COMPARISON = 5
"""An element of two lists that are compared takes as long as so many that are copied."""

_LISTS = (list, range)


def refuse_symbolic(value: object, use: str, operand: int = -1) -> None:
    """Raises E214 (E215 for a secret) when `value` is known only at run time."""
    if not isinstance(value, SYMBOLIC):
        return
    refuse_secret(value, "here")
    raise ExprFault(
        "E214",
        f"{describe(value)}, cannot be used {use}",
        hint="pass it to a task as an argument, and compute with it there",
        operand=operand,
    )


def refuse_secret(value: object, use: str) -> None:
    """Raises E215 when `value` is a secret."""
    if isinstance(value, SecretValue):
        raise ExprFault("E215", f"the secret `{value.name}` cannot be used {use}", hint="use it in `env:`")


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(symbol: str, left: object, right: object) -> tuple[Number, Number]:
    for operand, value in enumerate((left, right)):
        refuse_symbolic(value, "in arithmetic", operand)
    if not (is_number(left) and is_number(right)):
        raise ExprFault("E206", f"`{symbol}` cannot be applied to {describe(left)} and {describe(right)}")
    return cast(Number, left), cast(Number, right)


def _finite(value: Number | complex) -> Number:
    if isinstance(value, complex):
        raise ExprFault("E206", "a negative number has no such power")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExprFault("E207", "the number is too large", label="too large")
    return value


def _int_bits(value: Number) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def add(left: object, right: object, budget: Budget) -> object:
    if isinstance(left, str) and isinstance(right, str):
        check_text(len(left) + len(right), budget)
        return left + right
    for text, other in ((left, right), (right, left)):
        if isinstance(text, str) and isinstance(other, SYMBOLIC):
            as_text(other)
    if isinstance(left, _LISTS) and isinstance(right, _LISTS):
        budget.charge(check_elements(len(left) + len(right), "the list"))
        return [*left, *right]
    a, b = _numbers("+", left, right)
    return _finite(_float_safe(lambda: a + b))


def subtract(left: object, right: object, budget: Budget) -> object:
    """A difference of numbers; it needs no work to speak of."""
    a, b = _numbers("-", left, right)
    return _finite(_float_safe(lambda: a - b))


def multiply(left: object, right: object) -> object:
    a, b = _numbers("*", left, right)
    check_bits(_int_bits(a) + _int_bits(b))
    return _finite(_float_safe(lambda: a * b))


def divide(left: object, right: object) -> object:
    a, b = _divisor("/", left, right)
    return _finite(_float_safe(lambda: a / b))


def floor_divide(left: object, right: object) -> object:
    a, b = _divisor("//", left, right)
    return _finite(_float_safe(lambda: a // b))


def modulo(left: object, right: object) -> object:
    a, b = _divisor("%", left, right)
    return _finite(_float_safe(lambda: a % b))


def _divisor(symbol: str, left: object, right: object) -> tuple[Number, Number]:
    a, b = _numbers(symbol, left, right)
    if b == 0:
        raise ExprFault("E213", "division by zero", label="this is 0", operand=1)
    return a, b


def power(left: object, right: object) -> object:
    a, b = _numbers("**", left, right)
    if isinstance(a, int) and isinstance(b, int) and b > 0 and abs(a) > 1:
        check_bits(b if b > MAX_INT_BITS else int(b * math.log2(abs(a))) + 1)
    if a == 0 and b < 0:
        raise ExprFault("E213", "zero to a negative power divides by zero")
    return _finite(_float_safe(lambda: a**b))


def _float_safe(compute: Callable[[], Number | complex]) -> Number | complex:
    try:
        return compute()
    except OverflowError as err:
        raise ExprFault("E207", "the number is too large", label="too large") from err


def negate(value: object) -> object:
    _numbers("-", 0, value)
    return -cast(float, value)


def positive(value: object) -> object:
    _numbers("+", 0, value)
    return value


def truth(value: object) -> bool:
    """The truth of a value known at compile time. Raises E214."""
    refuse_symbolic(value, "as a condition at compile time")
    return bool(value)


def as_text(value: object, *, what: str = "text") -> str:
    """A scalar inside a text. Raises E216 for a run-time value, E206 for a list, a dict or null."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _ if isinstance(value, SecretValue):
            raise ExprFault("E215", f"the secret `{value.name}` cannot be part of a text", hint="use it in `env:`")
        case _ if isinstance(value, SYMBOLIC):
            raise ExprFault(
                "E216",
                f"{describe(value)}, cannot be part of a {what}",
                hint="pass it as an argument of its own, and build the text in the task",
            )
        case _:
            raise ExprFault("E206", f"{describe(value)} cannot be part of a {what}")


def is_equal(left: object, right: object, budget: Budget) -> bool:
    """Equality of plain values; a bool equals no number. Raises E214 for a run-time value at any depth."""
    stack = [(left, right)]
    while stack:
        a, b = stack.pop()
        budget.charge(1)
        for operand, value in enumerate((a, b)):
            refuse_symbolic(value, "in a comparison", operand if not stack else -1)
        if isinstance(a, _LISTS) and isinstance(b, _LISTS):
            if len(a) != len(b):
                return False
            budget.charge(STEPS_OF_COMPARISON * len(a))
            stack.extend(zip(a, b, strict=True))
        elif isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            stack.extend((a[key], b[key]) for key in a)
        elif isinstance(a, bool) is not isinstance(b, bool) or a != b:
            return False
    return True


def less(symbol: str, left: object, right: object) -> bool:
    """`left < right` for two numbers or two texts."""
    for operand, value in enumerate((left, right)):
        refuse_symbolic(value, "in a comparison", operand)
    if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return cast(float, left) < cast(float, right)
    raise ExprFault("E206", f"`{symbol}` cannot compare {describe(left)} with {describe(right)}")


def contains(container: object, item: object, budget: Budget) -> bool:
    refuse_symbolic(item, "in a comparison", 0)
    refuse_symbolic(container, "in a comparison", 1)
    match container:
        case str():
            if not isinstance(item, str):
                raise ExprFault("E206", f"`in` cannot look for {describe(item)} in a string")
            return item in container
        case dict():
            return isinstance(item, str) and item in container
        case list() | range():
            budget.charge(len(container))
            if isinstance(item, (list, dict)):
                return any(is_equal(item, element, budget) for element in container)
            return _holds(container, item)
        case _:
            raise ExprFault("E206", f"`in` needs a list, a dict or a string, and this is {describe(container)}")


def _holds(container: list[object] | range, item: object) -> bool:
    """Whether a list holds a scalar."""
    if isinstance(container, range):
        return not isinstance(item, bool) and item in container
    is_bool = isinstance(item, bool)
    for element in container:
        if element == item and isinstance(element, bool) is is_bool:
            return True
        refuse_symbolic(element, "in a comparison", 1)
    return False


def compare(symbol: str, left: object, right: object, budget: Budget) -> bool:
    match symbol:
        case "eq":
            return is_equal(left, right, budget)
        case "ne":
            return not is_equal(left, right, budget)
        case "in":
            return contains(right, left, budget)
        case "notin":
            return not contains(right, left, budget)
        case "lt":
            return less("<", left, right)
        case "gt":
            return less(">", right, left)
        case "lteq":
            return is_equal(left, right, budget) or less("<=", left, right)
        case _:
            return is_equal(left, right, budget) or less(">=", right, left)


def select(base: object, name: str) -> object:
    """`base.name`: a key of a dict, a part of a run-time result, an instance of a family with text keys."""
    match base:
        case Namespace():
            return _named(base, name)
        case dict():
            return _entry(base, name)
        case TaskRef():
            return base.select(name)
        case Level() if base.kind is not str:
            raise ExprFault(
                "E306",
                f"`{base.owner.task}` is a family: `.{name}` needs one instance of it",
                hint=f"choose an instance first: tasks.{base.owner.task}[key].{name}",
            )
        case _ if isinstance(base, (Level, *RUN_TIME)):
            return subscript(base, name)
        case _:
            raise ExprFault("E206", f"{describe(base)} has no `.{name}`")


def subscript(base: object, key: object) -> object:
    """`base[key]`: an element, an instance, or a part of a run-time result."""
    refuse_symbolic(key, "as an index")
    match base:
        case list() | range():
            return _element(base, key)
        case dict() | Namespace():
            if not isinstance(key, str):
                raise ExprFault("E206", f"a dict is indexed by a string, not by {describe(key)}")
            return _entry(base, key) if isinstance(base, dict) else _named(base, key)
        case str():
            return _element(base, key)
        case Level():
            return _instance(base, key)
        case DynRef():
            raise ExprFault(
                "E306",
                f"`{base.owner.task}` has a width known only at run time: no instance of it can be chosen here",
                hint="pass the whole of it, or iterate over it with `foreach`",
            )
        case TaskRef() | Item() | InputValue() | Given():
            return _part(base, key)
        case _:
            refuse_symbolic(base, "with an index")
            raise ExprFault("E206", f"{describe(base)} cannot be indexed")


def slice_of(base: object, bounds: tuple[object, object, object], budget: Budget) -> object:
    """`base[start:stop:step]` by position, of a list, a text or a family."""
    start, stop, step = (_bound(bound) for bound in bounds)
    if step == 0:
        raise ExprFault("E206", "the step of a slice is not 0")
    cut = slice(start, stop, step)
    if isinstance(base, Level):
        budget.charge(len(base))
        base = base.items()
    if isinstance(base, DynRef):
        raise ExprFault("E306", f"`{base.owner.task}` has a width known only at run time: it cannot be cut here")
    refuse_symbolic(base, "with a slice")
    if isinstance(base, (list, range, str)):
        found = base[cut]
        if isinstance(found, str):
            check_text(len(found), budget)
        elif isinstance(found, list):
            budget.charge(len(found))
        return found
    raise ExprFault("E206", f"{describe(base)} cannot be cut")


def _bound(value: object) -> int | None:
    refuse_symbolic(value, "as an index")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ExprFault("E206", f"a slice is bounded by ints, not by {describe(value)}")


def _element(base: list[object] | range | str, key: object) -> object:
    if isinstance(key, bool) or not isinstance(key, int):
        raise ExprFault("E206", f"{describe(base)} is indexed by an int, not by {describe(key)}")
    if not -len(base) <= key < len(base):
        raise ExprFault(
            "E206", f"index {key} is out of range: {describe(base)} of {len(base)}", label=f"the index is {key}"
        )
    return base[key]


def _entry(base: Mapping[str, object], key: str) -> object:
    if key in base:
        return base[key]
    if isinstance(base, Outputs):
        raise NoOutput(base.task, key, list(base))
    raise ExprFault("E203", f"the dict has no key {show(key)}", hint=did_you_mean(key, base))


def _named(base: Namespace, name: str) -> object:
    if name in base.poisoned:
        raise Poisoned
    if name in base.values:
        return base.values[name]
    plural = f"{base.noun}s"
    raise ExprFault(
        "E203", f"there is no {base.noun} `{name}`", hint=did_you_mean(name, base.values) or f"declare it in `{plural}`"
    )


def _part(base: TaskRef | Item | InputValue | Given, key: object) -> object:
    if isinstance(key, bool) or not isinstance(key, (int, str)):
        raise ExprFault("E206", f"a result is indexed by an int or a string, not by {describe(key)}")
    if isinstance(base, Item):
        return Item(base.source, (*base.path, key))
    if isinstance(base, Given):
        return Given(base.caller, base.copy, base.name, (*base.path, key))
    return base.select(key)


def _instance(base: Level, key: object) -> object:
    if type(key) is base.kind and key in base.children:
        return base.children[cast(str, key)]
    if not isinstance(key, (str, int, bool)):
        raise ExprFault("E206", f"an instance is chosen by a string, an int or a bool, not by {describe(key)}")
    name = instance_name(base.owner.task, (*base.prefix, key))
    raise NoInstance(name, base, key)


class NoInstance(ExprFault):
    """E304: which key was asked of which part of a family; `names` are those that the index was computed from."""

    def __init__(self, name: str, level: Level, key: object) -> None:
        super().__init__("E304", f"{name} does not exist", label=f"the key is {show(key)}")
        self.level = level
        self.key = key
        self.names: tuple[str, ...] = ()
