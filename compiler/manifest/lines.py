"""The lines of a text as YAML scanners count them, and offsets in it as lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from compiler.diagnostics import Position, Span

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML 1.1 scanners (libyaml and PyYAML) count as the end of a line."""

_RARE_BREAKS = ("\r", "\x85", "\u2028", "\u2029")


def position_at(text: str, index: int) -> tuple[int, int]:
    """Line and column, both from 1, of the code point at `index` (or at the end of a shorter text)."""
    line, begin = 1, 0
    for found in LINE_BREAK.finditer(text, 0, index):
        line, begin = line + 1, found.end()
    return line, min(index, len(text)) - begin + 1


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends, as the YAML scanner counts them."""
    return LINE_BREAK.split(text) if any(one in text for one in _RARE_BREAKS) else text.split("\n")


class Ruler:
    """Measures offsets in one file's text as lines and columns; its lines are found when a place is first asked for."""

    __slots__ = ("_starts", "_text", "file")

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text
        self._starts: list[int] = []

    def position(self, offset: int) -> Position:
        """Line and column of a character; an offset behind the text stands for its end."""
        starts = self._starts
        if not starts:
            starts = self._starts = _line_starts(self._text)
        at = min(offset, len(self._text))
        line = bisect_right(starts, at)
        return Position(line, at - starts[line - 1] + 1)

    def span(self, start: int, end: int) -> Span:
        first = self.position(start)
        line = first.line
        is_one_line = line < len(self._starts) and end < self._starts[line]
        last = Position(line, first.column + end - start) if is_one_line else self.position(end)
        return Span(self.file, first, last)


def _line_starts(text: str) -> list[int]:
    """The offset of the first character of every line."""
    if any(one in text for one in _RARE_BREAKS):
        return [0, *(found.end() for found in LINE_BREAK.finditer(text))]
    return list(accumulate((len(line) + 1 for line in text.split("\n")[:-1]), initial=0))
