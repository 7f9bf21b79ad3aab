"""The records of what happened: one `TaskSpan` per attempt that ended, one `StartUp` per invocation.

Simulated, local and Lambda runs yield the same records. Durations come from monotonic clocks, in seconds;
`started_at` is wall-clock time. The record goes as JSON; `schemas/span.json` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpan:
    """One input of a task: `source` is local, payload, hint or store; `fetch_s` counts only what the task waited."""

    slot: str
    bytes: int
    source: str
    fetch_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpan:
    """One execution of one instance."""

    run: str
    task: str
    attempt: int
    worker: str
    incarnation: str
    env_class: str
    state: str
    started_at: float
    exec_s: float
    inputs: tuple[InputSpan, ...] = ()
    output_bytes: int = 0
    serialize_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """One invocation of one worker: start-up = handler's first line - invocation sent.

    `state` is cold when the environment was newly made for it, warm when it was reused.
    `bytes_in` and `bytes_out` are what the worker fetched from and put into the store.
    """

    run: str
    worker: str
    incarnation: str
    env_class: str
    state: str
    invoke_time: float
    start_time: float
    subdag_fetch_s: float = 0.0
    subdag_decode_s: float = 0.0
    code_load_s: float = 0.0
    commits: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


Span = TaskSpan | StartUp


def encode_spans(spans: Iterable[Span]) -> str:
    """JSON text of a batch: `[["task" | "start", {…}], …]`."""
    return json.dumps(
        [["task" if isinstance(span, TaskSpan) else "start", asdict(span)] for span in spans], separators=(",", ":")
    )


def decode_spans(text: str) -> list[Span]:
    """The inverse of `encode_spans`. Raises ValueError on text that is none."""
    spans: list[Span] = []
    for kind, fields in json.loads(text):
        if kind == "task":
            fields["inputs"] = tuple(InputSpan(**item) for item in fields["inputs"])
            spans.append(TaskSpan(**fields))
        elif kind == "start":
            spans.append(StartUp(**fields))
        else:
            raise ValueError(f"unknown span kind {kind!r}")
    return spans
