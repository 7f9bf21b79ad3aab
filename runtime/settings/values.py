"""One setting's value: from text or TOML to its field's type, and back to how the user would write it.

A field's name says its unit: `…_s` is a duration, `…_bytes` a size, `…_url` an address that may hold a password.
"""

from __future__ import annotations

import datetime
import math
import types
import typing
from typing import Any, Literal, get_args, get_origin

from runtime.addresses import without_password
from runtime.quantities import format_duration, parse_duration, parse_size


def convert(value: object, kind: Any, field: str) -> object:
    """`value`, text or TOML, as the field's type. Raises ValueError with a text for the user."""
    kind, is_optional = without_none(kind)
    if is_optional and value in (None, ""):
        return None
    if value == "":
        raise ValueError("it is empty")
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{shown(value)} is not one of {', '.join(map(str, get_args(kind)))}")
        return value
    if kind is bool:
        return _boolean(value)
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(f"expected text, found {shown(value)}")
        return value
    return _number(value, kind, field)


def _boolean(value: object) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise ValueError(f"expected true or false, found {shown(value)}")


def _number(value: object, kind: type, field: str) -> float | int:
    """A count, a duration (field `…_s`) or a size (field `…_bytes`), none of which is negative."""
    if isinstance(value, str) and field.endswith("_s"):
        return parse_duration(value)
    if isinstance(value, str) and field.endswith("_bytes") and not value.isdecimal():
        return parse_size(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        what = "a duration" if field.endswith("_s") else "a size" if field.endswith("_bytes") else "a number"
        raise ValueError(f"expected {what}, found {shown(value)}")
    if field.endswith("_s"):
        raise ValueError(f'{value!r} has no unit; write a duration such as "30s"')
    try:
        if "_" in str(value):
            raise ValueError("digits alone")
        number = float(value) if kind is float else int(str(value))
    except ValueError as err:
        raise ValueError(f"expected a {'number' if kind is float else 'whole number'}, found {shown(value)}") from err
    if number < 0:
        raise ValueError(f"{value} is negative")
    if not math.isfinite(number):
        raise ValueError(f"expected a number, found {shown(value)}")
    return number


def shown(value: object) -> str:
    """A value of TOML in the words of its users."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
        case datetime.date() | datetime.time():
            return "a date" if isinstance(value, datetime.date) else "a time"
    return repr(value)


def without_none(kind: Any) -> tuple[Any, bool]:
    """The type without `None`, and whether `None` was in it."""
    if get_origin(kind) in (typing.Union, types.UnionType):
        rest = tuple(part for part in get_args(kind) if part is not type(None))
        return rest[0], len(rest) < len(get_args(kind))
    return kind, False


def text_of(value: object, field: str) -> str:
    """How the user would write a value that is set, but for a password."""
    if field.endswith("_s") and isinstance(value, (int, float)):
        return format_duration(value)
    if field.endswith("_bytes") and isinstance(value, int):
        return _size(value)
    if field.endswith("_url"):
        return without_password(str(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(size: int) -> str:
    """Exactly, in the largest unit that has no remainder."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return f"{size}B"
