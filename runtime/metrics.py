"""What a worker measured, noted as it happens, and made into spans when nothing waits for them.

Rows wait here until they are sent: when, is decided elsewhere (`runtime.uploader`). Batches are numbered, so that
one which is sent again, because nobody knows whether it came, counts once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf

from runtime.plan import Task
from runtime.span_batches import SpanBatch, encode_batch
from runtime.spans import InputSpan, StartUp, TaskSpan

BATCH = 1_000
"""Spans per entry of the event stream at most."""


class MetricsSink:
    """The batches of one incarnation on their way; what could not be sent goes again, before what follows it."""

    def __init__(self, emit: Callable[[list[tuple[str, str]]], None]) -> None:
        self._emit = emit
        self._unsent: list[tuple[str, str]] = []
        self._number = 0

    @property
    def unsent(self) -> int:
        """How many batches wait to go again."""
        return len(self._unsent)

    def send(self, start_up: StartUp, spans: Sequence[TaskSpan], *, is_last: bool) -> None:
        """Send spans under the invocation that they belong to. Raises RuntimeFault when they wait for the next time."""
        pieces = [tuple(spans[at : at + BATCH]) for at in range(0, len(spans), BATCH)]
        if is_last and not pieces:
            pieces = [()]
        for piece in pieces:
            ends = is_last and piece is pieces[-1]
            batch = SpanBatch(start_up=start_up, spans=piece, number=self._number, is_last=ends)
            self._unsent.append(("span", encode_batch(batch)))
            self._number += 1
        self._emit(self._unsent)
        self._unsent = []


class InvocationMetrics:
    """What happened in one invocation. Rows are added on one thread, and sent on another."""

    def __init__(self, sink: MetricsSink, start_up: Callable[[], StartUp]) -> None:
        self._sink = sink
        self._start_up = start_up
        self._ran: list[tuple[Task, int, float, float, tuple[InputSpan, ...]]] = []
        self._since = inf

    def ran(self, task: Task, attempt: int, started_at: float, exec_s: float, fetched: tuple[InputSpan, ...]) -> None:
        """An attempt began at `started_at` of the wall clock and ran for `exec_s`; `fetched` inputs were not here."""
        if not self._ran:
            self._since = time.monotonic()
        self._ran.append((task, attempt, started_at, exec_s, fetched))

    @property
    def waiting(self) -> tuple[int, float]:
        """How many rows wait to be sent, and since when the oldest does, by the monotonic clock."""
        return len(self._ran) + self._sink.unsent, self._since

    def send(self, *, is_last: bool) -> None:
        """Send all that waits, with the invocation that it belongs to. Raises RuntimeFault; nothing is lost then."""
        ended = self._ran[:]
        spans = [_span(*one) for one in ended]
        self._since = time.monotonic()
        del self._ran[: len(ended)]
        self._sink.send(self._start_up(), spans, is_last=is_last)


def _span(task: Task, attempt: int, started_at: float, exec_s: float, fetched: tuple[InputSpan, ...]) -> TaskSpan:
    return TaskSpan(
        task=task.name,
        attempt=attempt,
        outcome="done",
        started_at=started_at,
        exec_s=exec_s,
        inputs=fetched,
        local_inputs=len(task.in_edges) - len(fetched),
    )
