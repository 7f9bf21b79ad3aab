"""How diagnostics are shown: to people in rustc's layout, to programs as JSON.

Nothing here decides what is wrong or what matters: the caller selects, this module lays out.
"""

from __future__ import annotations

import json
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compiler.diagnostics import CODES, Diagnostic, Position, Severity, Span, slug_of
from compiler.manifest.source import split_lines

FORMAT_VERSION = "1.0"
DEFAULT_LIMIT = 50
WIDTH = 100

_STYLES = {"error": "31;1", "warning": "33;1", "bold": "1", "gutter": "34;1", "second": "34"}


def render_human(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, str],
    *,
    colour: bool = False,
    width: int = WIDTH,
    limit: int | None = DEFAULT_LIMIT,
) -> str:
    """Each diagnostic with its line and a caret, sorted by place, `limit` at most; `sources` are texts by file name."""
    ordered = sort_diagnostics(diagnostics)
    shown = ordered if limit is None else ordered[:limit]
    lines_of = {file: split_lines(text) for file, text in sources.items()}
    blocks = [_Block(lines_of=lines_of, colour=colour, width=width).render(one) for one in shown]
    if len(shown) < len(ordered):
        blocks.append(f"… and {len(ordered) - len(shown)} more: {summary(ordered)} in all")
    return "\n\n".join(blocks) + "\n" if blocks else ""


def render_json(diagnostics: Sequence[Diagnostic]) -> str:
    """All diagnostics as one JSON text."""
    return json.dumps(to_json(diagnostics), indent=2, ensure_ascii=False) + "\n"


def to_json(diagnostics: Sequence[Diagnostic]) -> dict[str, object]:
    """The object that `--format json` prints: lines and columns count from 1, `range` is null for the command line."""
    ordered = sort_diagnostics(diagnostics)
    errors = sum(one.severity is Severity.ERROR for one in ordered)
    return {
        "format_version": FORMAT_VERSION,
        "counts": {"error": errors, "warning": len(ordered) - errors},
        "diagnostics": [_diagnostic_json(one) for one in ordered],
    }


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file, line, column and code; those of the command line first."""
    return sorted(diagnostics, key=_sort_key)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(one.severity is Severity.ERROR for one in diagnostics)
    parts = ((errors, "error"), (len(diagnostics) - errors, "warning"))
    return ", ".join(f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in parts if count) or "no errors"


def explain_code(code: str) -> str:
    """One line on a code: `E304 no-such-instance: a family has no instance of this key`. Raises KeyError."""
    slug, title = CODES[code]
    return f"{code} {slug}: {title}"


def _sort_key(diagnostic: Diagnostic) -> tuple[str, Position, str, str]:
    span = diagnostic.span
    file, start = ("", Position(0, 0)) if span is None else (span.file, span.start)
    return file, start, diagnostic.code, diagnostic.message


def _diagnostic_json(one: Diagnostic) -> dict[str, object]:
    fixes: list[dict[str, object]] = [
        {"description": one.hint, "range": _range_json(fix.span), "replacement": fix.replacement} for fix in one.fixes
    ]
    return {
        "code": one.code,
        "slug": slug_of(one.code),
        "severity": one.severity.value,
        "message": one.message,
        "file": None if one.span is None else one.span.file,
        "range": None if one.span is None else _range_json(one.span),
        "instance": one.instance or None,
        "bindings": {name: _plain(value) for name, value in one.bindings.items()},
        "related": [
            {"file": other.span.file, "range": _range_json(other.span), "message": other.message}
            for other in one.related
        ],
        "fixes": fixes or ([{"description": one.hint}] if one.hint else []),
    }


def _range_json(span: Span) -> dict[str, dict[str, int]]:
    ends = {"start": span.start, "end": span.end}
    return {name: {"line": place.line, "column": place.column} for name, place in ends.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The layout of one diagnostic."""

    lines_of: Mapping[str, list[str]]
    colour: bool
    width: int

    def render(self, one: Diagnostic) -> str:
        kind = one.severity.value
        head = self._paint(f"{kind}[{one.code} {slug_of(one.code)}]", kind)
        bare = f"{kind}[{one.code} {slug_of(one.code)}]: "
        message = self._wrap(one.message, first=len(bare), indent=2)
        spans = [one.span] if one.span else []
        gutter = len(
            str(max((span.start.line for span in [*spans, *(other.span for other in one.related)]), default=1))
        )
        lines = [f"{head}: {self._paint(message, 'bold')}"]
        if one.span is not None:
            lines += self._place("-->", one.span, gutter)
            lines += self._excerpt(one.span, _label(one), gutter, mark="^", style=kind, has_rule=True)
        for other in one.related:
            lines += self._place(":::", other.span, gutter)
            lines += self._excerpt(other.span, other.message, gutter, mark="-", style="second", has_rule=False)
        lines += [self._remark("note", note, gutter) for note in _notes(one)]
        explain = f"treadle explain {one.code}"
        lines.append(self._remark("help", f"{one.hint}        {explain}" if one.hint else explain, gutter))
        return "\n".join(lines)

    def _place(self, arrow: str, span: Span, gutter: int) -> list[str]:
        return [f"{' ' * gutter}{self._paint(arrow, 'gutter')} {span.file}:{span.start.line}:{span.start.column}"]

    def _excerpt(self, span: Span, label: str, gutter: int, *, mark: str, style: str, has_rule: bool) -> list[str]:
        """The line of a span with a mark under it, and the label beside the mark or below it."""
        lines = self.lines_of.get(span.file, ())
        if span.start.line > len(lines):
            return [f"{' ' * gutter} = {label}"] if label else []
        text, first, last = _clip(lines[span.start.line - 1], span, self.width - gutter - 3)
        bar = self._paint("|", "gutter")
        margin = f"{' ' * gutter} {bar} "
        number = self._paint(str(span.start.line).rjust(gutter), "gutter")
        indent = _cells(text[:first])
        marks = mark * max(1, _cells(text[first:last]))
        under = [f"{marks} {label}".rstrip()]
        if gutter + 3 + indent + len(under[0]) > self.width and label:
            room = max(20, self.width - gutter - 3 - min(indent, self.width // 2))
            under = [marks, *textwrap.wrap(label, room)]
        shift = indent if len(under) == 1 else min(indent, self.width // 2)
        rows = [f"{margin}{' ' * indent}{self._paint(under[0], style)}"]
        rows += [f"{margin}{' ' * shift}{self._paint(row, style)}" for row in under[1:]]
        rule = [f"{' ' * gutter} {bar}"] if has_rule else []
        return [*rule, f"{number} {bar} {text}".rstrip(), *rows]

    def _remark(self, kind: str, text: str, gutter: int) -> str:
        lead = f"{' ' * gutter} = {kind}: "
        return (
            f"{' ' * gutter} {self._paint('=', 'gutter')} {kind}: {self._wrap(text, first=len(lead), indent=len(lead))}"
        )

    def _wrap(self, text: str, *, first: int, indent: int) -> str:
        """The text broken at the width, its first line `first` columns in, the others indented."""
        flat = text.replace("\n", " ")
        if first + len(flat) <= self.width:
            return flat
        room = max(20, self.width - indent)
        rows = textwrap.wrap(" " * (first - indent) + flat, room, drop_whitespace=True, break_long_words=True)
        return ("\n" + " " * indent).join([rows[0].lstrip(), *rows[1:]])

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text


def _label(one: Diagnostic) -> str:
    where = f"while expanding {one.instance}" if one.instance else ""
    bound = ", ".join(f"{name} = {_plain(value)}" for name, value in one.bindings.items())
    return "  ".join(part for part in (f"{one.label} {where}".strip(), f"({bound})" if bound else "") if part)


def _notes(one: Diagnostic) -> list[str]:
    if not one.more:
        return list(one.notes)
    family = one.instance.partition("[")[0]
    instances = "instance" if one.more == 1 else "instances"
    return [*one.notes, f"same mistake in {one.more:,} more {instances}{f' of `{family}`' if family else ''}"]


def _clip(line: str, span: Span, room: int) -> tuple[str, int, int]:
    """The part of a line that fits, and where in it the span begins and ends."""
    text = "".join(" " if unicodedata.category(one) == "Cc" else one for one in line)
    first = min(span.start.column - 1, len(text))
    last = len(text) if span.end.line > span.start.line else min(span.end.column - 1, len(text))
    last = max(first, last)
    if _cells(text) <= room:
        return text, first, last
    begin = max(0, min(first - room // 3, len(text) - room + 2))
    piece = text[begin : begin + room - 2]
    while _cells(piece) > room - 2:
        piece = piece[:-1]
    left, right = "…" if begin else "", "…" if begin + len(piece) < len(text) else ""
    shift = len(left) - begin
    return f"{left}{piece}{right}", first + shift, min(last + shift, len(left) + len(piece))


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) != 0 for one in text)
