"""The YAML 1.2 core schema for plain scalars, with two texts refused: leading zeros and what is not finite.

PyYAML's own resolver follows YAML 1.1 (`no` is false, `12:30` is 750) and is not used.
https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import math
import re

from compiler.manifest.tree import Scalar

MAX_INTEGER_TEXT = 1000
"""Characters of an integer: more cannot be meant, and Python refuses to print 4,300 digits."""

_CONSTANTS: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC_START = frozenset("-+.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_NON_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z", re.ASCII)

_AMBIGUOUS = re.compile(
    r"""(?:(?P<boolean>yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)
    |(?P<sixty>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)
    |(?P<number>[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+))
    |(?P<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?)
    )\Z""",
    re.VERBOSE | re.ASCII,
)
_READINGS = {"boolean": "a boolean", "sixty": "a number in base 60", "number": "a number", "date": "a date"}


class ScalarRefusedError(ValueError):
    """A plain scalar that YAML accepts and this language does not; `code` says which rule."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def resolve_plain(text: str) -> Scalar:
    """The value of a plain scalar. Raises ScalarRefusedError (E014, E015, E108)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return _resolve_number(text) if text[0] in _NUMERIC_START else text


def _resolve_number(text: str) -> Scalar:
    if _LEADING_ZERO.match(text):
        octal = f"write 0o{text.lstrip('+-0')} for octal, or quote it" if set(text) <= set("+-01234567") else "quote it"
        raise ScalarRefusedError("E014", f"`{text[:40]}` begins with a zero: octal or decimal?", octal)
    if _INTEGER.match(text):
        return _integer(text, 10)
    if _OCTAL.match(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.match(text):
        return _integer(text[2:], 16)
    if _FLOAT.match(text):
        value = float(text)
        if math.isfinite(value):
            return value
        raise ScalarRefusedError("E015", f"`{text[:40]}` is larger than a float can hold", "write a finite number")
    if _NON_FINITE.match(text):
        raise ScalarRefusedError("E015", f"`{text}` is not a finite number", "write a finite number, or quote it")
    return text


def _integer(digits: str, base: int) -> int:
    if len(digits) > MAX_INTEGER_TEXT:
        message = f"an integer of {len(digits):,} digits is out of range"
        raise ScalarRefusedError("E108", message, f"write at most {MAX_INTEGER_TEXT:,} digits, or quote it")
    return int(digits, base)


def other_reading(text: str) -> str | None:
    """What YAML 1.1 tools read in a plain scalar that is a string here: "a boolean", "a date"; None if they agree."""
    found = _AMBIGUOUS.match(text)
    return _READINGS[found.lastgroup] if found and found.lastgroup else None
