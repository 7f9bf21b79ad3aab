"""The sink of spans: what a worker measured, kept until its upload strategy sends it, never on the critical path."""

from __future__ import annotations

from collections.abc import Callable

from runtime.spans import StartUp, TaskSpan, encode_spans

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
        batches = [spans[at : at + BATCH] for at in range(0, len(spans), BATCH)] or [[]]
        self._emit([("span", encode_spans(start_up, batch, is_last=batch is batches[-1])) for batch in batches])
