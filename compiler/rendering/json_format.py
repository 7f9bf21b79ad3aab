"""`--format json`: one object with every diagnostic, described by `schemas/diagnostics.json`."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.diagnostics import Diagnostic, Span, slug_of
from compiler.rendering.order import count_errors, sort_diagnostics
from compiler.rendering.text import plain

FORMAT_VERSION = "1.0"


def to_json(diagnostics: Sequence[Diagnostic]) -> dict[str, object]:
    """The object that `--format json` prints: lines and columns count from 1, `range` is null for the command line."""
    ordered = sort_diagnostics(diagnostics)
    errors = count_errors(ordered)
    return {
        "format_version": FORMAT_VERSION,
        "counts": {"error": errors, "warning": len(ordered) - errors},
        "diagnostics": [_diagnostic(one) for one in ordered],
    }


def _diagnostic(one: Diagnostic) -> dict[str, object]:
    fixes: list[dict[str, object]] = [
        {"description": one.hint, "range": _range(fix.span), "replacement": fix.replacement} for fix in one.fixes
    ]
    return {
        "code": one.code,
        "slug": slug_of(one.code),
        "severity": one.severity.value,
        "message": one.message,
        "file": None if one.span is None else one.span.file,
        "range": None if one.span is None else _range(one.span),
        "instance": one.instance or None,
        "bindings": {name: plain(value) for name, value in one.bindings.items()},
        "related": [
            {"file": other.span.file, "range": _range(other.span), "message": other.message} for other in one.related
        ],
        "fixes": fixes or ([{"description": one.hint}] if one.hint else []),
    }


def _range(span: Span) -> dict[str, dict[str, int]]:
    ends = {"start": span.start, "end": span.end}
    return {name: {"line": place.line, "column": place.column} for name, place in ends.items()}
