"""Between values and bytes: what a command's words and its standard input are made of, and what its output means.

A word is one text, never split or joined: a text as it is, a path and bytes as they are, a number in its shortest
form, a bool as `true` or `false`. Standard input takes a text as UTF-8, bytes as they are, and anything else as
compact JSON. `text` is the output as UTF-8 without its final newline, as `$(...)` in a shell; `lines` are its lines
without their ends; `bytes` are exact, which makes them the way to pipe one command into another.
"""

from __future__ import annotations

import json
import math
import numbers
import os

from runtime.tasks.selection import describe_value


class CommandInput(Exception):
    """A word, the standard input or the working folder cannot be given to a process; the message says why."""


class CommandOutput(Exception):
    """The output is not what `stdout:` says; the message says where it stops being it."""


def word_bytes(value: object) -> bytes:
    """One word of a command line. Raises CommandInput."""
    data = _word(value)
    if b"\0" in data:
        raise CommandInput("holds a NUL byte, which no argument can")
    return data


def _word(value: object) -> bytes:
    match value:
        case str():
            return _encoded(value)
        case bytes():
            return value
        case bool():
            return b"true" if value else b"false"
        case numbers.Integral():
            return str(int(value)).encode()
        case numbers.Real():
            return repr(float(value)).encode()
        case os.PathLike():
            return os.fsencode(value)
        case _:
            raise CommandInput(f"is {describe_value(value)}, and must be a text or a number")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as err:
        raise CommandInput(f"holds a character that UTF-8 cannot encode, at position {err.start + 1}") from err


def stdin_bytes(value: object) -> bytes | bytearray:
    """What a process reads. Raises CommandInput."""
    match value:
        case str():
            return _encoded(value)
        case bytes() | bytearray():
            return value
        case memoryview():
            return value.tobytes()
        case None:
            raise CommandInput("is null: the result that it names was not made")
        case _:
            return _json_bytes(value)


def _json_bytes(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError as err:
        raise CommandInput("is nested too deeply, or holds itself, and cannot be written as JSON") from err
    except (TypeError, ValueError) as err:
        raise CommandInput(f"is {describe_value(value)}, which cannot be written as JSON: {err}") from err


def output_value(stdout: str, data: bytes) -> object:
    """The value of a process's output, read as `stdout` says: text, json, bytes or lines. Raises CommandOutput."""
    match stdout:
        case "bytes":
            return data
        case "text":
            return _without_newline(_decoded(data))
        case "lines":
            lines = _decoded(data).split("\n")
            return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
        case _:
            return _json_value(data)


def _without_newline(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        byte = data[err.start]
        raise CommandOutput(
            f"its output is no UTF-8: the byte 0x{byte:02x} at position {err.start + 1:,}, in line {line:,}"
        ) from err


def _json_value(data: bytes) -> object:
    text = _decoded(data).removeprefix("\ufeff")
    if not text.strip():
        raise CommandOutput("its output is empty, and that is no JSON")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as err:
        raise CommandOutput(f"its output is no JSON: {err.msg}, in line {err.lineno:,}, column {err.colno:,}") from err
    except RecursionError as err:
        raise CommandOutput("its output is JSON that is nested too deeply") from err
    except ValueError as err:
        raise CommandOutput(f"its output is no JSON: {err}") from err


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is out of range")
    return value
