"""A part of a value that is known only at run time: `tasks.a.k[0]`, `inputs.x["key"]`.

Each step is applied as a subscript. What a step cannot be applied to is the user's mistake, found late: it is told in
the manifest's words, with what the value was.
"""

from __future__ import annotations

from runtime.plan import path_text
from runtime.tasks.user_errors import error_text

Path = tuple[str | int, ...]
SHOWN_KEYS = 8
SHOWN_CHARS = 60


class SelectionError(Exception):
    """The selection does not exist in the value; the message says what does."""


def select(value: object, path: Path, whole: str) -> object:
    """The part of `value` at `path`; `whole` is what the manifest calls the value, such as `tasks.a[3]`.

    Raises SelectionError, whatever a subscript of the user's own type raised.
    """
    part = value
    for depth, step in enumerate(path):
        try:
            part = part[step]  # type: ignore[index]
        except Exception as err:
            raise SelectionError(_refusal(part, whole, path, depth, err)) from err
    return part


def _refusal(part: object, whole: str, path: Path, depth: int, err: Exception) -> str:
    above = whole + path_text(path[:depth])
    lack = _lack(part, path[depth], err)
    return f"`{whole}{path_text(path)}` does not exist: `{above}` is {describe_value(part)}{lack}"


def describe_value(value: object) -> str:
    """What a value is, in few words."""
    match value:
        case None:
            return "null"
        case dict():
            return f"a dict of {len(value)}"
        case list() | tuple() | str() | bytes():
            return f"a {type(value).__name__} of {len(value)}"
        case _:
            return f"a value of type {type(value).__name__}"


def _lack(part: object, step: str | int, err: Exception) -> str:
    match part, step:
        case dict(), _:
            return f" without the key {step!r}" + _keys(part)
        case ((list() | tuple() | str() | bytes()), int()):
            return f", so there is no {path_text((step,))}"
        case ((list() | tuple() | str() | bytes()), _):
            return ", which is indexed by ints"
        case _ if hasattr(type(part), "__getitem__"):
            return f", and {path_text((step,))} of it gives {error_text(err)}"
        case _:
            return ", which has no parts"


def _keys(part: dict[object, object]) -> str:
    if not 0 < len(part) <= SHOWN_KEYS:
        return ""
    return f"; its keys are {', '.join([_short(key) for key in part])}"


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
