"""Diagnostics: what is wrong with a manifest, where, and what to do about it.

Rendering (human, json) lives here too. Nothing in this module knows the grammar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column count from 1; a column counts code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of one file; `end` is exclusive."""

    file: str
    start: Position
    end: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A secondary place: "the first one is here"."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `code` is "E304", "W301"; `span` is None for an error of the command line.

    `label` stands beside the caret, `hint` is one imperative line, `instance` and `bindings` say where in
    an expansion the first occurrence was, `more` counts further instances of the same mistake.
    """

    code: str
    message: str
    span: Span | None
    label: str = ""
    hint: str = ""
    instance: str = ""
    bindings: Mapping[str, object] = field(default_factory=dict)
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    more: int = 0

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.code.startswith("W") else Severity.ERROR


class ManifestError(Exception):
    """The manifest has errors: all of them at once, with the warnings found on the way."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(f"{len(diagnostics)} diagnostics")
        self.diagnostics = diagnostics
