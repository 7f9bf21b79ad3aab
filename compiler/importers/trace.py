"""A trace of a workflow's run, whatever format it was written in: tasks, files, and which task gives which to which.

Not responsible for how a trace is read (`compiler.importers.wfformat`), what decides where it says things in two ways
(`compiler.importers.edges`), or what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runtime.errors import RuntimeFault

SHOWN_MISTAKES = 20

FileKey = tuple[str, str]
"""A file is known by its path (without slashes at the ends, "" for none) and its name."""


class TraceInvalid(RuntimeFault):
    """A trace that cannot be imported, with everything that is wrong with it."""

    code = "trace-invalid"
    exit_code = 1

    def __init__(self, mistakes: Sequence[str], *, hint: str = "") -> None:
        more = len(mistakes) - SHOWN_MISTAKES
        shown = [*mistakes[:SHOWN_MISTAKES], *([f"and {more:,} more mistakes"] if more > 0 else [])]
        super().__init__("\n  ".join(shown), hint=hint)
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceTask:
    """One task as it was recorded. `key` tells it from the others, `category` is shared by tasks of one program.

    `reads` and `writes` have the size in bytes of each file; `parents` are keys.
    """

    key: str
    name: str
    category: str
    runtime_s: float
    reads: Mapping[FileKey, int] = field(default_factory=dict)
    writes: Mapping[FileKey, int] = field(default_factory=dict)
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A run as it was recorded. `unused` counts the fields that nothing is made of; `notes` are lines for the reader.

    `executed_at` is in seconds since 1970, 0 when it is not known; `makespan_s` None when it is not.
    """

    name: str
    tasks: tuple[TraceTask, ...]
    executed_at: float = 0.0
    makespan_s: float | None = None
    unused: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One file that goes from one task to another: an edge. `file` is the producer's name for it."""

    producer: str
    file: FileKey
    consumer: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """How the tasks of a trace depend on one another.

    `transfers` are edges by file; `controls` (parent, child) pairs that no file connects; `outside` the files that no
    task wrote, by who reads them; `order` is topological. `notes` say which rule decided what.
    """

    transfers: tuple[Transfer, ...]
    controls: tuple[tuple[str, str], ...]
    outside: Mapping[str, Mapping[FileKey, int]]
    order: tuple[str, ...]
    notes: tuple[str, ...] = ()
