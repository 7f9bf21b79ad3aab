"""Diagnostics: what is wrong with a manifest, where, and what to do about it; and the table of all codes.

How they are shown is `compiler.rendering`. Nothing in this module knows the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

MAX_MISTAKES = 500
"""Errors after which nobody reads on: whatever stage has found so many ends there, and no later one begins."""


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
class Fix:
    """An edit that remedies the mistake: the text of `span` becomes `replacement`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `code` is "E304", "W301"; `span` is None for an error of the command line.

    `label` stands beside the caret, `hint` is one imperative line, `instance` and `bindings` say where in
    an expansion the first occurrence was, `more` counts further instances of the same mistake. `is_denied`: the user
    asked that this warning be an error.
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
    fixes: tuple[Fix, ...] = ()
    is_denied: bool = False

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.code.startswith("W") and not self.is_denied else Severity.ERROR


def enough(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics of one stage, as many errors and as many warnings of them as anybody reads."""
    kept: list[Diagnostic] = []
    left = dict.fromkeys(Severity, MAX_MISTAKES)
    for one in found:
        if left[one.severity]:
            kept.append(one)
            left[one.severity] -= 1
            if not left[Severity.ERROR]:
                break
    return kept


class ManifestError(Exception):
    """The manifest has errors: all of them at once, with the warnings found on the way."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(f"{len(diagnostics)} diagnostics")
        self.diagnostics = diagnostics


def slug_of(code: str) -> str:
    """The stable word of a code: "unknown-task" for E301."""
    return CODES[code][0]


CODES: Mapping[str, tuple[str, str]] = {
    "E001": ("not-found", "the file cannot be read"),
    "E002": ("encoding", "the file is not UTF-8 text that YAML can hold"),
    "E003": ("yaml-syntax", "the text is not YAML"),
    "E004": ("tab-indent", "a tab indents YAML"),
    "E005": ("duplicate-key", "a key stands twice in one mapping"),
    "E006": ("merge-key", "the merge key `<<` is not understood"),
    "E007": ("alias-budget", "an alias is undefined, holds itself, or expands to too much"),
    "E008": ("multi-document", "the file holds several documents"),
    "E009": ("root-not-mapping", "the file is empty, or its root is no mapping"),
    "E010": ("explicit-tag", "a tag other than !!str"),
    "E011": ("too-deep", "the nesting is deeper than 64 levels"),
    "E012": ("too-large", "the file is larger than the limit"),
    "E013": ("non-string-key", "a key is not a text"),
    "E014": ("leading-zero-int", "a number begins with a zero: octal or decimal?"),
    "E015": ("non-finite", "a number is infinite or not a number"),
    "E101": ("missing-key", "a required key is missing"),
    "E102": ("unknown-key", "a key is not known here"),
    "E103": ("wrong-type", "a value is of another type than the field"),
    "E104": ("bad-enum", "a value is not among those allowed"),
    "E105": ("exclusive-keys", "keys exclude each other, or one of several is missing"),
    "E106": ("spec-version", "the version of the language is not known"),
    "E107": ("bad-identifier", "a name is not of the right form"),
    "E108": ("out-of-range", "a number is outside its range"),
    "E109": ("bad-duration", "a duration is not written as such"),
    "E110": ("bad-size", "a size is not written as such"),
    "E111": ("reserved-name", "a name is reserved, or hides another"),
    "E112": ("empty", "something that needs entries has none"),
    "E113": ("bad-function-ref", "a function is not written as module:function"),
    "E114": ("foreign-key", "a key is the word of another workflow system"),
    "E201": ("expr-syntax", "an expression is not well formed"),
    "E202": ("unterminated-expr", "an expression has no end"),
    "E203": ("undefined-name", "a name in an expression is not defined"),
    "E204": ("forbidden-construct", "a construct does not belong to the expression language"),
    "E205": ("unknown-function", "a function or filter is not known"),
    "E206": ("expr-type", "a value in an expression is of the wrong type"),
    "E207": ("expr-budget", "an expression takes too many steps, or makes too much"),
    "E208": ("param-value", "a param's value does not fit its declaration"),
    "E209": ("param-required", "a param has no value"),
    "E210": ("unknown-set", "--set names no param"),
    "E211": ("bare-jinja", "`{{ }}` without its dollar sign"),
    "E212": ("circular-let", "`let` names need each other"),
    "E213": ("div-zero", "a division by zero"),
    "E214": ("runtime-value-at-compile-time", "a result is used where its value is needed before the run"),
    "E215": ("secret-misuse", "a secret stands where it may not"),
    "E216": ("ref-in-string", "a reference stands inside a text"),
    "E301": ("unknown-task", "a task or function of this name does not exist"),
    "E302": ("cycle", "instances wait for each other"),
    "E303": ("self-reference", "a task refers to itself"),
    "E304": ("no-such-instance", "a family has no instance of this key"),
    "E305": ("computed-task-name", "the name of a task is computed"),
    "E306": ("bad-rank", "a reference has too many or too few subscripts"),
    "E309": ("duplicate-key-value", "two instances would have the same key"),
    "E310": ("empty-foreach", "a loop is over nothing"),
    "E311": ("not-iterable", "a loop is over something that has no elements"),
    "E312": ("expansion-limit", "the manifest expands to too many instances"),
    "E313": ("unbounded-fanout", "a run-time loop has no bound"),
    "E314": ("include-conflict", "an included file defines a name again"),
    "E315": ("unknown-output", "a task has no output of this name"),
    "E316": ("unknown-import", "an import of this name does not exist"),
    "E317": ("import-cycle", "manifests import each other"),
    "E401": ("module-not-found", "a module is not found beside the manifest"),
    "E402": ("function-not-found", "a module has no function of this name"),
    "E403": ("signature-mismatch", "the arguments do not fit the function"),
    "E404": ("requirements-missing", "a requirements file is missing"),
    "E405": ("executable-missing", "an executable is missing"),
    "E406": ("python-syntax", "a module is not well-formed Python"),
    "E407": ("dynamic-import", "a module is imported by a computed name"),
    "E408": ("path-escape", "a path leads out of the project"),
    "E409": ("unsupported-python", "code is Python that a worker cannot run as a task"),
    "E410": ("requirement-invalid", "a requirement is not well formed"),
    "E501": ("memory-range", "the memory is outside what the target offers"),
    "E502": ("timeout-range", "the timeout is outside what the target offers"),
    "E503": ("pin-conflict", "tasks of one worker need different sizes"),
    "E505": ("optimization-conflict", "two optimizations claim the same decision"),
    "E506": ("sla-invalid", "the objective is not well formed"),
    "E507": ("io-invalid", "an I/O relationship is not well formed"),
    "E508": ("payload-too-large", "a payload is larger than the target accepts"),
    "E509": ("tmp-range", "the space under /tmp is outside what the target offers"),
    "E510": ("undeclared-worker", "a worker is not among those declared"),
    "E511": ("sla-unsatisfiable", "no plan meets the objective"),
    "E512": ("concurrency-limit", "more runs at once than the target allows"),
    "E513": ("not-executable-yet", "a feature is checked and planned, but not executed yet"),
    "E514": ("plan-mismatch", "a kept plan does not fit the workflow, or is none"),
    "E601": ("package-too-large", "a package is larger than the target accepts"),
    "E602": ("lock-drift", "the lock file does not fit the manifest"),
    "E603": ("digest-mismatch", "bytes are not what their digest says"),
    "E604": ("nondeterministic-input", "an input differs between two readings"),
    "E605": ("artifact-schema-version", "an artifact is of another major version"),
    "E606": ("signature-invalid", "a signature does not fit"),
    "E900": ("internal-error", "a bug of treadle's own"),
    "W014": ("ambiguous-scalar", "a text that other YAML tools read otherwise"),
    "W301": ("dead-task", "nothing uses a task's result"),
    "W302": ("many-sinks", "several tasks end the workflow, and none is named as its result"),
    "W303": ("width-1-foreach", "a loop has one element"),
    "W304": ("huge-fan-in", "a task takes very many inputs"),
    "W408": ("unpinned-requirement", "a requirement has no exact version"),
    "W502": ("timeout-predicted", "a task is predicted to take longer than its timeout"),
    "W505": ("no-effect-optimization", "an optimization has no effect here"),
    "W506": ("missing-io-hint-under-sla", "an objective is given, and a task has no `io`"),
    "W508": ("payload-over-half", "a payload takes over half of what the target accepts"),
    "W511": ("sla-guessed", "a guess says that the objective is missed"),
    "W512": ("few-samples", "a percentile is predicted from few executions"),
    "W514": ("stale-plan", "a kept plan was made for other code"),
}
"""Every code: its slug, and what it means in one line. A retired code is never used again."""
