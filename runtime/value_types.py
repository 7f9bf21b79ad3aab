"""The types of parameters and inputs: `int`, `list[path]`, `dict[str, size]`, and which values they accept.

A size and a duration stay texts (that is what the fields that take them expect); a `float` takes an int. A value of
type `secret` is a reference to one, never the secret itself.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass

from runtime.quantities import parse_duration, parse_size
from runtime.secrecy.references import SecretReference, Source, parse_reference

SCALAR_TYPES = ("str", "int", "float", "bool", "size", "duration", "path", "secret", "any")
_CONTAINER = re.compile(r"\s*(list|dict)\s*\[(.*)\]\s*", re.DOTALL)
_INT = re.compile(r"[+-]?[0-9]{1,1000}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_NESTING = 16
SECRET_SOURCES = frozenset({Source.ENV.value, Source.SSM.value, Source.SECRETS_MANAGER.value})
"""Where workers can read a secret; a file of the user's is not where they are."""


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar type, or `list`/`dict` with the type of its elements."""

    name: str
    element: Type | None = None

    def __str__(self) -> str:
        return self.name if self.element is None else f"{self.name}[{self.element}]"


ANY = Type("any")


def a_type(type_: Type) -> str:
    """`an int`, `a list[str]`."""
    return f"{'an' if type_.name[0] in 'ai' else 'a'} {type_}"


def parse_type(text: str) -> Type:
    """The type that a text names; a dict's keys are strings, written (`dict[str, int]`) or not. Raises ValueError."""
    inner = text.strip()
    wrappers: list[str] = []
    while (found := _CONTAINER.fullmatch(inner)) and len(wrappers) < _MAX_NESTING:
        kind, inner = found.group(1), found.group(2).strip()
        if kind == "dict" and inner.startswith("str") and inner[3:].lstrip().startswith(","):
            inner = inner[3:].lstrip()[1:].strip()
        wrappers.append(kind)
    if inner in ("list", "dict"):
        wrappers.append(inner)
        inner = "any"
    if inner not in SCALAR_TYPES:
        raise ValueError(f"there is no type `{inner}`")
    if inner == "secret" and wrappers:
        raise ValueError("a secret stands alone: declare an input for each")
    made = Type(inner)
    for kind in reversed(wrappers):
        made = Type(kind, made)
    return made


def type_of(value: object) -> Type:
    """The type that a default gives to a parameter without one."""
    match value:
        case bool():
            return Type("bool")
        case int():
            return Type("int")
        case float():
            return Type("float")
        case str():
            return Type("str")
        case list():
            return Type("list", ANY)
        case dict():
            return Type("dict", ANY)
        case _:
            return ANY


def accept(type_: Type, value: object) -> object:
    """`value` as one of the type. Raises ValueError with what it is instead."""
    match type_.name:
        case "any":
            return value
        case "list":
            if not isinstance(value, list):
                raise ValueError(_not(type_, value))
            return [accept(type_.element or ANY, item) for item in value]
        case "dict":
            if not isinstance(value, dict):
                raise ValueError(_not(type_, value))
            return {str(key): accept(type_.element or ANY, item) for key, item in value.items()}
        case "bool":
            if not isinstance(value, bool):
                raise ValueError(_not(type_, value))
        case "int":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(_not(type_, value))
        case "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(_not(type_, value))
            return _to_float(value)
        case "secret":
            return _secret(value)
        case _:
            if not isinstance(value, str):
                raise ValueError(_not(type_, value))
            _check_unit(type_.name, value)
    return value


def _secret(value: object) -> SecretReference:
    """A reference, as a text or a mapping. Raises ValueError, which does not repeat what may be a secret."""
    if isinstance(value, SecretReference):
        return value
    words = [value.partition(":")[0]] if isinstance(value, str) else list(value) if isinstance(value, dict) else []
    if not isinstance(value, (str, dict)) or not set(words) <= SECRET_SOURCES:
        raise ValueError("this is no reference to a secret: write env:NAME, ssm:PATH or secretsmanager:ID")
    return parse_reference(value)


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError as err:
        raise ValueError("the number is too large for a float") from err


def _check_unit(name: str, text: str) -> None:
    if name == "size":
        parse_size(text)
    elif name == "duration":
        parse_duration(text)


def read(type_: Type, text: str) -> object:
    """A text from the command line as a value of the type. Raises ValueError."""
    match type_.name:
        case "int":
            if not _INT.fullmatch(text):
                raise ValueError(f"`{_short(text)}` is not an int")
            return int(text)
        case "float":
            if not _FLOAT.fullmatch(text) or float(text) in (float("inf"), float("-inf")):
                raise ValueError(f"`{_short(text)}` is not a float")
            return float(text)
        case "bool":
            if text not in ("true", "false"):
                raise ValueError(f"`{_short(text)}` is not a bool: write true or false")
            return text == "true"
        case "list" | "dict":
            return accept(type_, _json(text, type_))
        case "any":
            try:
                return _json(text, type_)
            except ValueError:
                return text
        case _:
            return accept(type_, text)


def _json(text: str, type_: Type) -> object:
    try:
        return strict_json(text)
    except ValueError as err:
        raise ValueError(f"`{_short(text)}` is not {a_type(type_)}: write it as JSON") from err


def strict_json(text: str | bytes) -> object:
    """The value of a JSON text: finite numbers only, no key twice. Raises ValueError that says what is wrong."""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_once)
    except RecursionError as err:
        raise ValueError("it is nested too deep") from err


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter([name for name, _ in pairs]).most_common(1)
        raise ValueError(f"the key `{twice}` is there twice")
    return found


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _not(type_: Type, value: object) -> str:
    found = "null" if value is None else str(type_of(value))
    shown = f" `{_short(str(value))}`" if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    return f"{found}{shown} is not {a_type(type_)}"
