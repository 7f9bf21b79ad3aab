"""`# treadle: ignore[W301]` on a line, or alone on the line above it: that warning is not reported there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from compiler.diagnostics import Diagnostic, Severity
from compiler.manifest.lines import split_lines

_MARK = re.compile(r"#\s*treadle:\s*ignore\[\s*([A-Z0-9,\s]+?)\s*\]")


def without_ignored(diagnostics: Iterable[Diagnostic], text: str, file: str) -> list[Diagnostic]:
    """The diagnostics but for the warnings that comments in `text`, the text of `file`, ask to ignore.

    An error cannot be ignored.
    """
    found = list(diagnostics)
    if "treadle:" not in text:
        return found
    ignored = _ignored(text)
    return [one for one in found if not _is_ignored(one, ignored, file)]


def _is_ignored(one: Diagnostic, ignored: dict[int, frozenset[str]], file: str) -> bool:
    if one.severity is Severity.ERROR or one.span is None or one.span.file != file:
        return False
    return one.code in ignored.get(one.span.start.line, frozenset())


def _ignored(text: str) -> dict[int, frozenset[str]]:
    """Line → the codes that are ignored on it."""
    table: dict[int, frozenset[str]] = {}
    for number, line in enumerate(split_lines(text), 1):
        if found := _MARK.search(line):
            codes = frozenset(code.strip() for code in found.group(1).split(","))
            meant = number + 1 if line.lstrip().startswith("#") else number
            table[meant] = table.get(meant, frozenset()) | codes
    return table
