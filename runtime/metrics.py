"""The sink of spans: what a worker measured, kept until its upload strategy sends it, never on the critical path."""

from __future__ import annotations

from collections.abc import Callable

from runtime.spans import Span, encode_spans

BATCH = 400
"""Spans per entry of the event stream at most."""


class MetricsSink:
    """Collects spans; `flush` sends them as entries of the run's event stream (strategy `shutdown`)."""

    def __init__(self, emit: Callable[[list[tuple[str, str]]], None]) -> None:
        self._emit = emit
        self._spans: list[Span] = []

    def add(self, span: Span) -> None:
        self._spans.append(span)

    def flush(self) -> None:
        spans, self._spans = self._spans, []
        if spans:
            batches = [spans[at : at + BATCH] for at in range(0, len(spans), BATCH)]
            self._emit([("span", encode_spans(batch)) for batch in batches])
