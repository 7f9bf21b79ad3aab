"""The regular expressions that users write, matched in time linear in the text: RE2, not Python's backtracking.

`(a+)+$` costs Python's `re` a minute for thirty letters; a value of the command line would decide how long compiling
takes. RE2 knows no look-around and no back-references. It is imported when a manifest writes a `pattern`.
"""

from __future__ import annotations

from typing import Protocol


def check_pattern(pattern: str) -> None:
    """Raises ValueError when the text is no regular expression."""
    _compile(pattern)


def is_match(pattern: str, text: str) -> bool:
    """Whether the whole of a text has the form. Raises ValueError as `check_pattern`."""
    try:
        return _compile(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:
        return False


class _Pattern(Protocol):
    def fullmatch(self, text: str) -> object | None: ...


def _compile(pattern: str) -> _Pattern:
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    try:
        compiled: _Pattern = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as err:
        raise ValueError("not a regular expression") from err
    return compiled
