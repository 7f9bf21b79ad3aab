"""Environment variables of one call: in `os.environ` while it lasts, so that its child processes inherit them.

User code runs alone on the main thread, and nothing of treadle's own reads variables by these names: names that Lambda
or treadle use are refused when the workflow is compiled. What the call itself changes in `os.environ` stays changed;
the variables named here are put back. A module's own code runs once for many tasks, at its import, which is not a call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType

from runtime.tasks.selection import describe_value


class VariableError(Exception):
    """The value cannot be that of an environment variable; the message says why."""


def variable_text(value: object) -> str:
    """The text of a variable: a text as it is, a number in its shortest form, a bool as true or false.

    Raises VariableError for anything else, and for a text that no environment can hold.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _holdable(value)
        case _:
            raise VariableError(f"is {describe_value(value)}, and must be a text, a number or a bool")


def _holdable(text: str) -> str:
    if "\0" in text:
        raise VariableError("holds a NUL character, which no environment variable can")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as err:
        raise VariableError("holds a character that cannot be encoded") from err
    return text


class Variables:
    """A context in which `os.environ` holds these variables; what stood under their names before comes back after."""

    __slots__ = ("_before", "_given")

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        if self._given:
            self._before = {name: os.environ.get(name) for name in self._given}
            os.environ.update(self._given)

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, text in self._before.items():
            if text is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = text
