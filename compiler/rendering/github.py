"""`--format github`: workflow commands of GitHub Actions, which become annotations of the lines they name."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.diagnostics import Diagnostic, Span, slug_of
from compiler.rendering.order import sort_diagnostics
from compiler.rendering.text import prose


def render_github(diagnostics: Sequence[Diagnostic]) -> str:
    """One command for each diagnostic: `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=…::message`."""
    return "".join(_command(one) for one in sort_diagnostics(diagnostics))


def _command(one: Diagnostic) -> str:
    properties = {} if one.span is None else _place(one.span)
    properties["title"] = f"{one.code} {slug_of(one.code)}"
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = "\n".join([prose(one.message), *([prose(one.hint)] if one.hint else [])])
    return f"::{one.severity.value} {written}::{_data(message)}\n"


def _place(span: Span) -> dict[str, str]:
    start, end = span.start, span.end
    return {
        "file": span.file,
        "line": str(start.line),
        "col": str(start.column),
        "endLine": str(end.line),
        "endColumn": str(end.column),
    }


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
