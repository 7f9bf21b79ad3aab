"""`# treadle: ignore[W301]` on a line, or alone above it: that warning is not reported there.

A comment that cannot do that, because it names an error or nothing at all, or that has nothing to do, is told to the
user as a remark. It is no diagnostic: what silences warnings should not make some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compiler.diagnostics import CODES, Diagnostic, Severity
from compiler.manifest.lines import split_lines
from compiler.suggest import closest

_MARK = re.compile(r"#\s*treadle:\s*ignore\[(?P<codes>[^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code of one comment: the comment's line, and the line that it is about."""

    code: str
    line: int
    meant: int


def find_ignores(text: str) -> list[Ignore]:
    """What the comments of a text ask for. One that stands alone is about the next line that is no comment."""
    if "treadle:" not in text:
        return []
    found: list[Ignore] = []
    waiting: list[Ignore] = []
    for number, line in enumerate(split_lines(text), 1):
        is_alone = line.lstrip().startswith("#")
        if not is_alone:
            found += [Ignore(one.code, one.line, number) for one in waiting]
            waiting = []
        here = [Ignore(code, number, number) for code in _codes(line)]
        (waiting if is_alone else found).extend(here)
    return found + waiting


def without_ignored(diagnostics: Iterable[Diagnostic], text: str, file: str) -> list[Diagnostic]:
    """The diagnostics but for the warnings that comments in `text`, the text of `file`, ask to ignore.

    An error cannot be ignored.
    """
    asked = {(one.code, one.meant) for one in find_ignores(text)}
    return [one for one in diagnostics if not _is_ignored(one, asked, file)]


def remarks(text: str, file: str, ignored: Iterable[Diagnostic] | None) -> Iterator[tuple[int, str]]:
    """Line and text of what is wrong with the comments of a file. `ignored` are the warnings that were dropped.

    None means that not everything was checked, so that nobody knows what a comment would have dropped.
    """
    done = None if ignored is None else {_key(one) for one in ignored}
    for one in find_ignores(text):
        if one.code not in CODES:
            near = closest(one.code.upper(), [code for code in CODES if code.startswith("W")])
            yield one.line, f"there is no warning {one.code}" + (f"; did you mean {near}?" if near else "")
        elif not one.code.startswith("W"):
            yield one.line, f"{one.code} is an error, which cannot be ignored"
        elif done is not None and (one.code, file, one.meant) not in done:
            yield one.line, f"there is no {one.code} to ignore here"


def _codes(line: str) -> list[str]:
    words = (word.strip() for found in _MARK.finditer(line) for word in found["codes"].split(","))
    return [word for word in words if word]


def _is_ignored(one: Diagnostic, asked: set[tuple[str, int]], file: str) -> bool:
    if one.severity is Severity.ERROR or one.span is None or one.span.file != file:
        return False
    return (one.code, one.span.start.line) in asked


def _key(one: Diagnostic) -> tuple[str, str, int]:
    assert one.span is not None, "only what has a place is ignored"
    return one.code, one.span.file, one.span.start.line
