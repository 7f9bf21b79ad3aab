"""What a task wrote to its error output last, kept for the record of its failure; it reaches the log as ever.

Secrets are hidden when it is read. Only what goes through Python's `sys.stderr` is seen: a library that writes to the
file descriptor itself is in the log alone, and so is a handler of `logging` that took hold of an earlier stream.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.secrecy.masking import Masks

LIMIT = 4_000
KEPT = 4 * LIMIT


class StderrTail:
    """Stands in for `sys.stderr` while it listens: passes everything on, and remembers the end of it."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._is_cut = False
        self._under: Any = sys.stderr
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> object:
        """As the stream beneath, whose answer is passed on: Lambda's own gives none."""
        written: object = self._under.write(text)
        self._parts.append(text[-KEPT:])
        self._length += len(self._parts[-1])
        self._is_cut = self._is_cut or len(text) > KEPT
        if self._length > 4 * KEPT:
            self._parts = ["".join(self._parts)[-KEPT:]]
            self._length = KEPT
            self._is_cut = True
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self._under, name)

    def clear(self) -> None:
        """Another task begins."""
        if self._parts:
            self._parts, self._length, self._is_cut = [], 0, False

    def text(self) -> str:
        """The last characters that were written since `clear`."""
        return self._masks.hide_in_tail("".join(self._parts), LIMIT, is_cut=self._is_cut)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to `sys.stderr` inside this block, if there is one."""
        if sys.stderr is None:
            yield
            return
        self._under = sys.stderr
        sys.stderr = self
        try:
            yield
        finally:
            if sys.stderr is self:
                sys.stderr = self._under
