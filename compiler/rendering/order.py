"""The order of diagnostics and their count in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.diagnostics import Diagnostic, Position, Severity


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file, line, column and code; those of the command line first."""
    return sorted(diagnostics, key=_sort_key)


def count_errors(diagnostics: Iterable[Diagnostic]) -> int:
    return sum(one.severity is Severity.ERROR for one in diagnostics)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = count_errors(diagnostics)
    parts = ((errors, "error"), (len(diagnostics) - errors, "warning"))
    return ", ".join(f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in parts if count) or "no errors"


def _sort_key(diagnostic: Diagnostic) -> tuple[str, Position, str, str]:
    span = diagnostic.span
    file, start = ("", Position(0, 0)) if span is None else (span.file, span.start)
    return file, start, diagnostic.code, diagnostic.message
