"""The records of what happened: one `StartUp` per invocation, one `TaskSpan` per attempt that ended in it.

Simulated, local and Lambda runs yield the same records. Durations come from monotonic clocks, in seconds;
`started_at`, `invoke_time` and `start_time` are wall-clock times. `schemas/span.json` describes the JSON form,
in which the invocation is named once and its spans are rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpan:
    """One input that came from outside the worker: `source` is payload, hint or store.

    `fetch_s` is the time of the round trip that brought it, 0 when it came unasked.
    """

    slot: str
    bytes: int
    source: str
    fetch_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpan:
    """One execution of one instance. `local_inputs` counts the inputs that were in memory already."""

    task: str
    attempt: int
    started_at: float
    exec_s: float
    inputs: tuple[InputSpan, ...] = ()
    local_inputs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """One invocation of one worker: start-up = the handler's first line - the invocation sent.

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
    commits: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBatch:
    """Spans of one invocation; `is_last` when no further batch of it follows."""

    start_up: StartUp
    spans: tuple[TaskSpan, ...]
    is_last: bool


def encode_spans(start_up: StartUp, spans: Sequence[TaskSpan], *, is_last: bool) -> str:
    """JSON text of a batch: the invocation under `start`, a row per task under `spans`, `last` as its flag."""
    rows = [
        [
            span.task,
            span.attempt,
            round(span.started_at, 6),
            round(span.exec_s, 7),
            [[item.slot, item.bytes, item.source, round(item.fetch_s, 7)] for item in span.inputs],
            span.local_inputs,
        ]
        for span in spans
    ]
    return json.dumps({"start": asdict(start_up), "last": is_last, "spans": rows}, separators=(",", ":"))


def decode_spans(text: str) -> SpanBatch:
    """The inverse of `encode_spans`. Raises ValueError on text that is none."""
    try:
        data = json.loads(text)
        spans = tuple(
            TaskSpan(
                task=task,
                attempt=attempt,
                started_at=started_at,
                exec_s=exec_s,
                inputs=tuple(InputSpan(slot=s, bytes=b, source=source, fetch_s=f) for s, b, source, f in inputs),
                local_inputs=local,
            )
            for task, attempt, started_at, exec_s, inputs, local in data["spans"]
        )
        return SpanBatch(start_up=StartUp(**data["start"]), spans=spans, is_last=data["last"])
    except (KeyError, TypeError) as err:
        raise ValueError(f"not a batch of spans: {err!r}") from err
