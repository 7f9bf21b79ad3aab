"""Where the command line writes: results on standard output, narration on standard error, colour on terminals only.

Nothing here decides what is said.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from shutil import get_terminal_size
from typing import TextIO


class Exit(IntEnum):
    """The exit codes of every verb."""

    OK = 0
    ERRORS = 1
    USAGE = 2
    DIFFERENCE = 3
    ENVIRONMENT = 4
    INTERNAL = 70
    INTERRUPTED = 130


WIDTH = 80
"""Columns where no terminal says."""

BOLD, RED, GREEN, YELLOW = "1", "31;1", "32", "33"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """`is_json`: the user asked for machine output, so nothing but one JSON text goes to `out`."""

    out: TextIO
    err: TextIO
    environ: Mapping[str, str]
    is_json: bool = False
    sources: dict[str, str] = field(default_factory=dict)
    """Texts by file name, for showing what a diagnostic points to."""

    @staticmethod
    def standard(environ: Mapping[str, str], *, is_json: bool = False) -> Console:
        return Console(out=sys.stdout, err=sys.stderr, environ=environ, is_json=is_json)

    def has_colour(self, stream: TextIO) -> bool:
        """On a terminal that can, unless `NO_COLOR` holds anything."""
        return stream.isatty() and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal that results go to; where they go elsewhere, what COLUMNS says, or 80."""
        if self.out.isatty():
            return get_terminal_size((WIDTH, 24)).columns
        columns = self.environ.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() and int(columns) > 0 else WIDTH

    def can_show(self, text: str) -> bool:
        """Whether results may hold these characters as they are."""
        return _can_show(text, self.out)

    def paint(self, text: str, style: str, stream: TextIO | None = None) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.has_colour(stream or self.out) else text

    def say(self, text: str = "") -> None:
        """A line of the result."""
        print(_shown(text, self.out), file=self.out)

    def lines(self, text: str) -> None:
        """Lines of the result, each with its end; none at all for an empty text."""
        print(_shown(text, self.out), file=self.out, end="")

    def note(self, text: str = "") -> None:
        """A line of narration."""
        print(_shown(text, self.err), file=self.err, flush=True)

    def json(self, value: object) -> None:
        """The one JSON text of a `--json` answer."""
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        if not _can_show(text, self.out):
            text = json.dumps(value, indent=2, allow_nan=False)
        print(text, file=self.out)


def _shown(text: str, stream: TextIO) -> str:
    """The text with escapes for what a stream cannot take: half a character of a file's name, another alphabet."""
    if _can_show(text, stream):
        return text
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _can_show(text: str, stream: TextIO) -> bool:
    if text.isascii():
        return True
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
