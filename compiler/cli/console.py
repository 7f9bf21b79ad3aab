"""Where the command line writes: results on standard output, narration on standard error, colour on terminals only.

Nothing here decides what is said.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
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


BOLD, DIM, RED, GREEN, YELLOW, BLUE = "1", "2", "31;1", "32", "33;1", "34;1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """`is_json`: the user asked for machine output, so nothing but one JSON text goes to `out`."""

    out: TextIO
    err: TextIO
    environ: Mapping[str, str]
    is_json: bool = False

    @staticmethod
    def standard(environ: Mapping[str, str], *, is_json: bool = False) -> Console:
        return Console(out=sys.stdout, err=sys.stderr, environ=environ, is_json=is_json)

    def has_colour(self, stream: TextIO) -> bool:
        """On a terminal that can, unless `NO_COLOR` holds anything."""
        return stream.isatty() and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb"

    def paint(self, text: str, style: str, stream: TextIO | None = None) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.has_colour(stream or self.out) else text

    def say(self, text: str = "") -> None:
        """A line of the result."""
        print(text, file=self.out)

    def note(self, text: str = "") -> None:
        """A line of narration."""
        print(text, file=self.err, flush=True)

    def json(self, value: object) -> None:
        """The one JSON text of a `--json` answer."""
        print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False), file=self.out)

    def error(self, message: str, *, code: str = "", hint: str = "") -> None:
        """One error in the layout of diagnostics, on `err`; with `--json` also as an object on `out`."""
        head = f"error[{code}]" if code else "error"
        first, *rest = message.splitlines() or [""]
        self.note(f"{self.paint(head, RED, self.err)}: {self.paint(first, BOLD, self.err)}")
        for line in rest:
            self.note(f"  {line}")
        if hint:
            self.note(f"  = help: {hint}")
        if self.is_json:
            self.json({"error": {"code": code, "message": message, "hint": hint}})
