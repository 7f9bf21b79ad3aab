"""The sink of spans: what a worker measured, kept until its upload strategy sends it, never on the critical path."""

from __future__ import annotations

from collections.abc import Callable

from runtime.plan import Task
from runtime.span_batches import SpanBatch, encode_batch
from runtime.spans import InputSpan, StartUp, TaskSpan

BATCH = 1_000
"""Spans per entry of the event stream at most."""


class MetricsSink:
    """Collects spans; `flush` sends them as entries of the run's event stream (strategy `shutdown`)."""

    def __init__(self, emit: Callable[[list[tuple[str, str]]], None]) -> None:
        self._emit = emit
        self._spans: list[TaskSpan] = []

    def add(self, span: TaskSpan) -> None:
        self._spans.append(span)

    def flush(self, start_up: StartUp) -> None:
        """Send what was collected under the invocation that it belongs to; the start-up record goes last."""
        spans, self._spans = self._spans, []
        pieces = [tuple(spans[at : at + BATCH]) for at in range(0, len(spans), BATCH)] or [()]
        self._emit(
            [
                ("span", encode_batch(SpanBatch(start_up=start_up, spans=piece, number=number, is_last=is_last)))
                for number, piece in enumerate(pieces)
                for is_last in (number == len(pieces) - 1,)
            ]
        )


class InvocationMetrics:
    """What happened in one invocation, noted as it happens and made into spans when nothing waits for them."""

    def __init__(self, sink: MetricsSink) -> None:
        self._sink = sink
        self._ran: list[tuple[Task, int, float, float, tuple[InputSpan, ...]]] = []

    def ran(self, task: Task, attempt: int, started_at: float, exec_s: float, fetched: tuple[InputSpan, ...]) -> None:
        """An attempt began at `started_at` of the wall clock and ran for `exec_s`; `fetched` inputs were not here."""
        self._ran.append((task, attempt, started_at, exec_s, fetched))

    def flush(self, start_up: StartUp) -> None:
        """Send everything, with the invocation that it belongs to."""
        for task, attempt, started_at, exec_s, fetched in self._ran:
            self._sink.add(
                TaskSpan(
                    task=task.name,
                    attempt=attempt,
                    outcome="done",
                    started_at=started_at,
                    exec_s=exec_s,
                    inputs=fetched,
                    local_inputs=len(task.in_edges) - len(fetched),
                )
            )
        self._ran.clear()
        self._sink.flush(start_up)
