"""What the stages of a check find: diagnostics phase by phase, each mistake once, in the order to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, ManifestError, Severity, Span

T = TypeVar("T")


class Findings:
    """Diagnostics phase by phase, without cascades."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def collect(self, stage: Callable[[], T]) -> T | None:
        """The value of a stage, or None when it raises ManifestError; what it reports is added."""
        try:
            return stage()
        except ManifestError as err:
            self.add(err.diagnostics)
            return None

    def add(self, phase: Sequence[Diagnostic]) -> None:
        """Add one phase's diagnostics, but for those at a place where an earlier phase found an error."""
        errors = self._errors_by_line()
        known = set(map(_identity, self.found))
        for diagnostic in phase:
            identity = _identity(diagnostic)
            if identity not in known and not _is_covered(diagnostic, errors):
                known.add(identity)
                self.found.append(diagnostic)

    def _errors_by_line(self) -> dict[tuple[str, int], list[Span]]:
        lines: dict[tuple[str, int], list[Span]] = {}
        for one in self.found:
            if one.span is not None and one.severity is Severity.ERROR:
                lines.setdefault((one.span.file, one.span.start.line), []).append(one.span)
        return lines

    @property
    def are_enough(self) -> bool:
        """Whether there are so many errors that no stage begins any more."""
        return sum(one.severity is Severity.ERROR for one in self.found) >= MAX_MISTAKES

    def sorted(self) -> tuple[Diagnostic, ...]:
        """By file, line, column and code; warnings only when there is no error. The first one says that there were
        too many.
        """
        is_muted = has_errors(self.found)
        kept = sorted((one for one in self.found if not is_muted or one.severity is Severity.ERROR), key=place)
        if self.are_enough:
            note = f"there are so many errors that the check has ended after {MAX_MISTAKES:,} of them"
            kept[0] = replace(kept[0], notes=(*kept[0].notes, note))
        return tuple(kept)


def has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(one.severity is Severity.ERROR for one in diagnostics)


def _identity(diagnostic: Diagnostic) -> tuple[object, ...]:
    return diagnostic.code, diagnostic.span, diagnostic.message


def _is_covered(diagnostic: Diagnostic, errors: Mapping[tuple[str, int], list[Span]]) -> bool:
    span = diagnostic.span
    if span is None:
        return False
    return any(
        outer.start <= span.start and span.end <= outer.end for outer in errors.get((span.file, span.start.line), ())
    )


def place(diagnostic: Diagnostic) -> tuple[object, ...]:
    """By what diagnostics are sorted: file, line, column, code."""
    span = diagnostic.span
    where = ("", 0, 0) if span is None else (span.file, span.start.line, span.start.column)
    return (*where, diagnostic.code, diagnostic.message)
