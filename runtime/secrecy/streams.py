"""What Python writes past the process's output, where no filter sees it: streams of a notebook, Lambda's `logging`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.secrecy.masking import Masks


class HidingStream:
    """Passes everything on, secrets hidden; one that comes in several writes is not known."""

    def __init__(self, under: Any, masks: Masks) -> None:
        self._under = under
        self._masks = masks

    def write(self, text: str) -> object:
        return self._under.write(self._masks.hide(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._under, name)


@contextmanager
def hiding_streams(masks: Masks) -> Iterator[None]:
    """In this block `sys.stdout` and `sys.stderr` hide secrets, unless what they write passes through the filter."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_hiding(stream, number, masks) for number, stream in enumerate(before, 1))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _hiding(stream: Any, number: int, masks: Masks) -> Any:
    try:
        is_own = stream is None or stream.fileno() == number
    except (AttributeError, OSError, ValueError):
        is_own = False
    return stream if is_own else HidingStream(stream, masks)


class HidingFormatter:
    """A formatter of `logging` that hides secrets in what another one has made."""

    def __init__(self, under: logging.Formatter, masks: Masks) -> None:
        self._under = under
        self._masks = masks

    def format(self, record: logging.LogRecord) -> str:
        return self._masks.hide(self._under.format(record))

    def __getattr__(self, name: str) -> object:
        return getattr(self._under, name)


def hide_in_logging(masks: Masks) -> None:
    """What handlers of the root logger write hides secrets: Lambda's own may write past the process's output."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, HidingFormatter):
            handler.formatter = HidingFormatter(handler.formatter or logging.Formatter(), masks)  # type: ignore[assignment]
