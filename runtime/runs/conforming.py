"""Whether a value that came from elsewhere has the types that its place declares. Nothing is converted.

Types that refer to themselves name each other in `runtime.plan`, wherever they are used.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, get_args, get_origin

from runtime import plan


def conforms(value: object, hint: Any) -> bool:
    """Whether `value` is what `hint` says, to its leaves; an `object` may be anything."""
    origin = get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, one) for one in get_args(hint))
    if origin is tuple:
        return isinstance(value, tuple) and _items(value, get_args(hint))
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if hint is float:
        return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]
    if hint in (str, int, bool, type(None)):
        return type(value) is (type(None) if hint is None else hint)
    if not isinstance(hint, type) or hint is object:
        return True
    return isinstance(value, hint) and (not is_dataclass(hint) or _fields(value, hint))


def _items(value: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if len(hints) == 2 and hints[1] is Ellipsis:
        return all(conforms(item, hints[0]) for item in value)
    return len(value) == len(hints) and all(map(conforms, value, hints))


def _fields(value: object, kind: type) -> bool:
    hints = typing.get_type_hints(kind, None, vars(plan))
    return all(conforms(getattr(value, item.name), hints[item.name]) for item in fields(kind))
