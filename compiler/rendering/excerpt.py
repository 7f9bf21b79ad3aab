"""The part of a line that fits the screen, with the place that a diagnostic is about in it."""

from __future__ import annotations

from compiler.diagnostics import Span
from compiler.rendering.text import cells, printable


def clip(line: str, span: Span, room: int) -> tuple[str, int, int]:
    """The printable part of a line within `room` columns, and where in it the span begins and ends.

    A span over several lines ends with its first one. Of a long line only the neighbourhood of the span is looked at,
    however long it is.
    """
    first = min(span.start.column - 1, len(line))
    last = len(line) if span.end.line > span.start.line else min(span.end.column - 1, len(line))
    before, after = max(0, first - room), min(len(line), first + 2 * room)
    text = printable(line[before:after])
    first, last = first - before, max(first, min(last, after)) - before
    is_whole = before == 0 and after == len(line)
    if is_whole and cells(text) <= room and first < room:
        return text, first, last
    begin = max(0, min(first - room // 3, len(text) - room + 2))
    piece = text[begin : begin + room - 2]
    while cells(piece) > room - 2:
        piece = piece[:-1]
    left = "…" if before + begin else ""
    right = "…" if before + begin + len(piece) < len(line) else ""
    shift = len(left) - begin
    return f"{left}{piece}{right}", first + shift, min(last + shift, len(left) + len(piece))
