"""`--format gcc`: `file:line:column: error: message [E304]`, which editors and build tools have read for decades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.diagnostics import Diagnostic, Span
from compiler.rendering.order import sort_diagnostics
from compiler.rendering.text import printable, prose


def render_gcc(diagnostics: Sequence[Diagnostic]) -> str:
    """A line for each diagnostic, a `note:` for each secondary place; `treadle:` stands for the command line."""
    return "".join(f"{line}\n" for one in sort_diagnostics(diagnostics) for line in _lines(one))


def _lines(one: Diagnostic) -> Iterator[str]:
    yield f"{_place(one.span)}: {one.severity.value}: {prose(one.message)} [{one.code}]"
    for other in one.related:
        yield f"{_place(other.span)}: note: {prose(other.message)}"


def _place(span: Span | None) -> str:
    return "treadle" if span is None else f"{printable(span.file)}:{span.start.line}:{span.start.column}"
