"""Comments that silence a warning, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from compiler.diagnostics import Diagnostic, Position, Span
from compiler.manifest.ignores import remarks, without_ignored


@pytest.mark.parametrize(
    ("text", "is_ignored"),
    [
        ("a: no  # treadle: ignore[W014]\n", True),
        ("a: no  # treadle: ignore[W301, W014]\n", True),
        ("# treadle: ignore[W014]\na: no\n", True),
        ("  #treadle:ignore[W014]\na: no\n", True),
        ("a: no  # treadle: ignore[W301]\n", False),
        ("# treadle: ignore[W014]\n\na: no\n", False),
        ("b: 1  # treadle: ignore[W014]\na: no\n", False),
        ("a: no\n", False),
    ],
)
def test_a_comment_ignores_a_warning_on_its_line_or_below(text: str, is_ignored: bool) -> None:
    line = 1 + text.splitlines().index(next(row for row in text.splitlines() if row.startswith("a:")))
    found = [Diagnostic(code="W014", message="m", span=Span("f", Position(line, 4), Position(line, 6)))]
    assert without_ignored(found, text, "f") == ([] if is_ignored else found)
    assert without_ignored(found, text, "other") == found


def test_an_error_cannot_be_ignored() -> None:
    found = [Diagnostic(code="E102", message="m", span=Span("f", Position(1, 1), Position(1, 2)))]
    assert without_ignored(found, "a: 1 # treadle: ignore[E102]\n", "f") == found


def warning(code: str, line: int) -> Diagnostic:
    return Diagnostic(code=code, message="m", span=Span("f", Position(line, 1), Position(line, 2)))


def test_comments_above_one_another_are_about_the_line_below_them_all() -> None:
    text = "# treadle: ignore[W302]\n# why not\n  # treadle: ignore[W505] treadle: ignore[W301]\ntasks:\n"
    assert without_ignored([warning("W302", 4), warning("W505", 4)], text, "f") == []


def test_two_comments_of_one_line_both_count() -> None:
    text = "a: no  # treadle: ignore[W014] # treadle: ignore[W301]\n"
    assert without_ignored([warning("W014", 1), warning("W301", 1)], text, "f") == []


def test_what_a_comment_cannot_do_is_said() -> None:
    text = "a: 1  # treadle: ignore[E102, W999, W031]\n# treadle: ignore[W014]\nb: no\nc: 1  # treadle: ignore[W301]\n"
    certain = [
        (1, "E102 is an error, which cannot be ignored"),
        (1, "there is no warning W999"),
        (1, "there is no warning W031; did you mean W301?"),
    ]
    assert list(remarks(text, "f", None)) == certain
    assert list(remarks(text, "f", [warning("W014", 3)])) == [*certain, (4, "there is no W301 to ignore here")]
    assert list(remarks("a: no\n", "f", [])) == []
