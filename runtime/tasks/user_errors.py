"""How an exception of the user's code is shown: the user's own frames, nothing of treadle's.

An exception object is the user's code too: its `__str__`, its notes, its attributes may raise anything. What
follows from an error (retry, failing the run) is the worker's business.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, TracebackType

MAX_CHARS = 16_384
"""A longer text keeps its head and its tail: it travels in the run's error record."""


def format_user_error(exc: BaseException, user_files: Mapping[str, str]) -> str:
    """The traceback of `exc`, its causes and its group, reduced to frames in `user_files` (file name → shown name)."""
    try:
        shown = traceback.TracebackException(type(exc), exc, exc.__traceback__, compact=True)
        for part in _parts(shown):
            _reduce(part, user_files)
        text = "".join(shown.format()).rstrip("\n")
    except BaseException:  # noqa: BLE001  formatting runs methods of the user's exception, which may raise anything
        text = bare_text(exc, user_files)
    if len(text) <= MAX_CHARS:
        return text
    half = MAX_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def bare_text(exc: BaseException, user_files: Mapping[str, str]) -> str:
    """The frames of `exc` and the name of its class: what can be told without asking it anything."""
    frames = traceback.extract_tb(_traceback_of(exc))
    shown = [frame for frame in frames if frame.filename in user_files]
    for frame in shown:
        frame.filename = user_files[frame.filename]
    head = ["Traceback (most recent call last):\n", *traceback.format_list(shown)] if shown else []
    return "".join([*head, f"{class_name(type(exc))}: <this exception raises another one when it is shown>"])


def format_place(frame: FrameType | None, user_files: Mapping[str, str]) -> str:
    """The stack of a thread that is still at it, reduced to frames in `user_files`; "" when there is none."""
    stack = traceback.extract_stack(frame) if frame is not None else ()
    shown = [part for part in stack if part.filename in user_files]
    for part in shown:
        part.filename = user_files[part.filename]
    return "".join(["It is still at (most recent call last):\n", *traceback.format_list(shown)]) if shown else ""


def class_name(cls: type) -> str:
    """The name of a class, whatever its metaclass says."""
    return _name_of(cls)


_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__
_traceback_of: Callable[[BaseException], TracebackType | None] = BaseException.__dict__["__traceback__"].__get__


def error_text(err: BaseException) -> str:
    """`KeyError: 'x'`, whatever the exception's own methods do."""
    return f"{class_name(type(err))}: {message_of(err)}"


def message_of(err: BaseException) -> str:
    """The exception's own text."""
    try:
        return str(err)
    except BaseException:  # noqa: BLE001  the exception's own __str__ is user code
        return f"<{class_name(type(err))} whose __str__ fails>"


def _parts(top: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """The exception and everything chained or grouped under it."""
    waiting = [top]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        waiting += [near for near in (part.__cause__, part.__context__) if near is not None]
        waiting += part.exceptions or ()


def _reduce(part: traceback.TracebackException, user_files: Mapping[str, str]) -> None:
    frames = [frame for frame in part.stack or () if frame.filename in user_files]
    for frame in frames:
        frame.filename = user_files[frame.filename]
    if frames:
        part.stack[:] = frames
    else:
        part.stack = None  # type: ignore[assignment]  # the formatter's own sign for "no traceback header"
    if isinstance(getattr(part, "filename", None), str) and part.filename in user_files:
        part.filename = user_files[part.filename]
