"""rustc's layout: each diagnostic with the line it is about, a caret, secondary places, notes and a line of help.

At most `width` columns, but for the names of files. Which lines are shown, and how they are cut, is `excerpt`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.diagnostics import Diagnostic, Span, slug_of
from compiler.manifest.lines import split_lines
from compiler.rendering.excerpt import clip
from compiler.rendering.order import sort_diagnostics, summary
from compiler.rendering.text import cells, printable, prose, show_value, wrap

DEFAULT_LIMIT = 50
WIDTH = 100

_STYLES = {"error": "31;1", "warning": "33;1", "bold": "1", "gutter": "34;1", "second": "34"}
_NARROWEST = 20
"""Columns that wrapped text gets even when little room is left."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """The layout of one diagnostic."""

    lines_of: Mapping[str, list[str]]
    colour: bool
    width: int

    def render(self, one: Diagnostic) -> str:
        gutter = len(str(max((span.start.line for span in _spans(one)), default=1)))
        lines = [self._head(one)]
        if one.span is not None:
            lines += self._place("-->", one.span, gutter)
            style = one.severity.value
            lines += self._excerpt(one.span, _label(one), gutter, mark="^", style=style, has_rule=True)
        for other in one.related:
            lines += self._place(":::", other.span, gutter)
            lines += self._excerpt(other.span, prose(other.message), gutter, mark="-", style="second", has_rule=False)
        lines += [self._remark("note", [prose(note)], gutter) for note in _notes(one)]
        lines.append(self._remark("help", self._help(one, gutter), gutter))
        return "\n".join(lines)

    def _head(self, one: Diagnostic) -> str:
        kind = one.severity.value
        title = f"{kind}[{one.code} {slug_of(one.code)}]"
        room = self.width - 2
        rows = wrap(prose(one.message), room, first_room=self.width - cells(title) - 2)
        return f"{self._paint(title, kind)}: " + "\n  ".join(self._paint(row, "bold") for row in rows)

    def _place(self, arrow: str, span: Span, gutter: int) -> list[str]:
        place = f"{printable(span.file)}:{span.start.line}:{span.start.column}"
        return [f"{' ' * gutter}{self._paint(arrow, 'gutter')} {place}"]

    def _excerpt(self, span: Span, label: str, gutter: int, *, mark: str, style: str, has_rule: bool) -> list[str]:
        """The line of a span with a mark under it, and the label beside the mark or below it."""
        lines = self.lines_of.get(span.file, ())
        if span.start.line > len(lines):
            return [f"{' ' * gutter} = {row}" for row in wrap(label, self.width - gutter - 3)] if label else []
        room = self.width - gutter - 3
        text, first, last = clip(lines[span.start.line - 1], span, room)
        bar = self._paint("|", "gutter")
        number = self._paint(str(span.start.line).rjust(gutter), "gutter")
        marks = mark * max(1, cells(text[first:last]))
        rows = _under(cells(text[:first]), marks, label, room)
        under = [f"{' ' * gutter} {bar} {' ' * shift}{self._paint(row, style)}" for shift, row in rows]
        rule = [f"{' ' * gutter} {bar}"] if has_rule else []
        return [*rule, f"{number} {bar} {text}".rstrip(), *under]

    def _help(self, one: Diagnostic, gutter: int) -> list[str]:
        """The hint and how to learn more: on one line when they fit."""
        explain = f"treadle explain {one.code}"
        both = f"{prose(one.hint)}        {explain}"
        if not one.hint:
            return [explain]
        is_short = gutter + len(" = help: ") + cells(both) <= self.width
        return [both] if is_short else [prose(one.hint), explain]

    def _remark(self, kind: str, texts: Sequence[str], gutter: int) -> str:
        lead = f"{' ' * gutter} = {kind}: "
        room = max(_NARROWEST, self.width - len(lead))
        rows = [row for text in texts for row in wrap(text, room)]
        return f"{' ' * gutter} {self._paint('=', 'gutter')} {kind}: " + ("\n" + " " * len(lead)).join(rows)

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text


def _under(indent: int, marks: str, label: str, room: int) -> list[tuple[int, str]]:
    """The rows below a line, each with its indentation: the label beside the marks, else below and further left."""
    beside = f"{marks} {label}".rstrip()
    if not label or indent + cells(beside) <= room:
        return [(indent, beside)]
    shift = min(indent, max(room - cells(label), min(room // 4, indent)))
    return [(indent, marks), *((shift, row) for row in wrap(label, max(_NARROWEST, room - shift)))]


def _spans(one: Diagnostic) -> list[Span]:
    own = [one.span] if one.span else []
    return own + [other.span for other in one.related]


def _label(one: Diagnostic) -> str:
    where = f"while expanding {one.instance}" if one.instance else ""
    bound = ", ".join(f"{name} = {show_value(value)}" for name, value in one.bindings.items())
    said = prose(f"{one.label} {where}".strip())
    return "  ".join(part for part in (said, f"({bound})" if bound else "") if part)


def _notes(one: Diagnostic) -> list[str]:
    notes = list(one.notes)
    if one.more:
        family = one.instance.partition("[")[0]
        instances = "instance" if one.more == 1 else "instances"
        notes.append(f"same mistake in {one.more:,} more {instances}{f' of `{family}`' if family else ''}")
    if one.is_denied:
        notes.append(f"a warning, made an error by `--deny {one.code}`")
    return notes
