"""From an offset in a scalar's value back to a line and a column of the file.

The value of a quoted, folded or escaped scalar is not its text: both are walked side by side. Only diagnostics
need this, so it is slow and simple.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from compiler.diagnostics import Position, Span
from compiler.manifest.expressions.budget import MAX_TEMPLATE
from compiler.manifest.lines import split_lines
from compiler.manifest.model import Source
from compiler.manifest.tree import ScalarNode

_ESCAPE_WIDTH = {"x": 4, "u": 6, "U": 10}


class Places:
    """Finds parts of scalars in the texts of a manifest and of what it names, by file."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._texts = {source.file: source.text for source in sources}
        self._lines: dict[str, list[str]] = {}
        self._last: tuple[ScalarNode, str, list[int]] | None = None
        """The scalar that was looked into last: one with a thousand mistakes is walked once."""

    def find(self, node: ScalarNode, start: int, end: int) -> Span:
        """The range of characters `start` to `end` of the node's value, or the whole node when it cannot be told.

        White space at the end is left out: in the file it may be the end of a line.
        """
        if node.span.file not in self._texts or not isinstance(node.value, str):
            return node.span
        end = start + len(node.value[start:end].rstrip())
        if start >= end:
            return node.span
        if self._last is None or self._last[0] is not node:
            raw = self._raw(node.span)
            self._last = node, raw, _align(raw, node)
        _, raw, offsets = self._last
        if end - 1 >= len(offsets):
            return node.span
        first = self._position(node.span, raw, offsets[start])
        last = self._position(node.span, raw, offsets[end - 1])
        return Span(node.span.file, first, Position(last.line, last.column + 1))

    def _raw(self, span: Span) -> str:
        if span.file not in self._lines:
            self._lines[span.file] = split_lines(self._texts[span.file])
        lines = self._lines[span.file][span.start.line - 1 : span.end.line]
        if not lines:
            return ""
        if span.end.line - span.start.line + 1 == len(lines):
            lines[-1] = lines[-1][: span.end.column - 1]
        lines[0] = lines[0][span.start.column - 1 :]
        return "\n".join(lines)

    @staticmethod
    def _position(span: Span, raw: str, offset: int) -> Position:
        before = raw[:offset]
        breaks = before.count("\n")
        column = offset - (before.rfind("\n") + 1) + 1
        return Position(span.start.line + breaks, column + (span.start.column - 1 if breaks == 0 else 0))


def _align(raw: str, node: ScalarNode) -> list[int]:
    """For each character of the value its offset in `raw`; shorter when they part company, or the value is huge."""
    value = str(node.value)
    offsets: list[int] = []
    at = 0
    if node.style in ("|", ">"):
        at = raw.find("\n") + 1
    elif raw[:1] == node.style:
        at = len(node.style)
    index = 0
    while index < min(len(value), MAX_TEMPLATE) and at < len(raw):
        char = value[index]
        if char.isspace():
            index, at = _spaces(raw, value, index, at, offsets)
            continue
        if raw[at].isspace():
            at += 1
        elif node.style == '"' and raw[at] == "\\":
            offsets.append(at)
            at += _ESCAPE_WIDTH.get(raw[at + 1 : at + 2], 2)
            index += 1
        elif raw[at] != char:
            return offsets
        else:
            offsets.append(at)
            at += 2 if node.style == "'" and char == "'" else 1
            index += 1
    return offsets


def _spaces(raw: str, value: str, index: int, at: int, offsets: list[int]) -> tuple[int, int]:
    """Walk a run of white space on both sides: it may be folded, indented or escaped in the text."""
    found = re.compile(r"(?:\\[nrt ]|\\\n|\s)*").match(raw, at)
    end_raw = found.end() if found else at
    begin = index
    while index < len(value) and value[index].isspace():
        offsets.append(min(at + (index - begin), max(at, end_raw - 1)))
        index += 1
    return index, end_raw
