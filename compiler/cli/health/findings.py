"""A finding of `treadle doctor`, and how the subjects are looked at: all at one time, each with an end.

What is looked at is the business of the modules beside this one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from runtime.errors import RuntimeFault

LIMIT_S = 20.0
"""How long a subject may take in all; what it asks over a network has shorter limits of its own."""


class Level(Enum):
    """NOTE: only told. WARNING: runs work, and something may surprise. ERROR: runs do not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `hint` says what to do and stands with warnings and errors."""

    name: str
    level: Level
    text: str
    hint: str = ""


def ok(name: str, text: str) -> Finding:
    return Finding(name=name, level=Level.OK, text=text)


def note(name: str, text: str, hint: str = "") -> Finding:
    return Finding(name=name, level=Level.NOTE, text=text, hint=hint)


def warning(name: str, text: str, hint: str) -> Finding:
    return Finding(name=name, level=Level.WARNING, text=text, hint=hint)


def error(name: str, text: str, hint: str) -> Finding:
    return Finding(name=name, level=Level.ERROR, text=text, hint=hint)


def of_fault(name: str, fault: RuntimeFault, hint: str = "mend that, and look again: treadle doctor") -> Finding:
    """A fault as a finding; `hint` stands in for one that has none."""
    return error(name, fault.message, fault.hint or hint)


Subject = Callable[[], Iterable[Finding]]


@dataclass(slots=True)
class _Look:
    """One subject being looked at, in a thread of its own."""

    title: str
    subject: Subject
    found: list[Finding] = field(default_factory=list)
    bug: Exception | None = None

    def run(self) -> None:
        try:
            for finding in self.subject():
                self.found.append(finding)
        except RuntimeFault as fault:
            self.found.append(of_fault(self.title, fault))
        except Exception as err:  # noqa: BLE001 - raised again by who waits
            self.bug = err


def look_at(subjects: Mapping[str, Subject], *, limit_s: float = LIMIT_S) -> Iterator[tuple[str, list[Finding]]]:
    """The findings of each subject, in order; all are looked at together, and none for longer than `limit_s`.

    A thread that does not end is left behind: it is a daemon, and goes with the process.
    """
    looks = [_Look(title, subject) for title, subject in subjects.items()]
    threads = [threading.Thread(target=look.run, daemon=True) for look in looks]
    for thread in threads:
        thread.start()
    for look, thread in zip(looks, threads, strict=True):
        thread.join(limit_s)
        if look.bug is not None:
            raise look.bug
        found = list(look.found)
        if thread.is_alive():
            found.append(
                error(look.title, f"no answer within {limit_s:g} s", "see whether it is overloaded or stopped")
            )
        yield look.title, found
