"""The timeline of a run: everything that its workers measured, and the one makespan. Client side, not shipped.

    invoked_at                                                     last_commit
        |---------------------- makespan_s ----------------------------|
        [begin][fetch][exec][exec][commit] ...  an invocation and its spans
              [begin][exec]...                  another one, on its own machine, its clock set right

A timeline says what was measured and draws no conclusions: the summary, predictions and the dashboard do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from runtime.bundle import LoadedBundle
from runtime.errors import RuntimeFault, SchemaVersionUnsupported
from runtime.links import NO_LINK
from runtime.measures.span_batches import (
    SPANS_VERSION,
    SpanBatch,
    check_version,
    decode_entry,
    encode_batch,
    read_batch,
)
from runtime.measures.spans import StartUp, TaskSpan

MAX_PROBLEMS = 5

LAUNCH_SLACK_S = 0.1
"""Clocks of machines are known no better: an invocation this long before the launch still belongs to it."""


class TimelineUnreadable(RuntimeFault):
    """A kept timeline that is damaged."""

    code = "timeline-unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationSpans:
    """What one incarnation measured. `is_complete`: all its batches came, the last one too; else it was killed,
    or its last words were lost."""

    start_up: StartUp
    spans: tuple[TaskSpan, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run. Points in time are on the store's clock.

    `invoked_at`: the first entry invocation of the newest launch was sent; a resumption is a launch. Earlier launches'
    invocations are there too, before it. `last_commit`: the last output was committed, 0 when none was.
    `link`: what lay between workers and the store in that launch (`links`). `invocations` are in order of their start.
    `problems` say what could not be read, in words, each once.
    """

    run: str
    workflow: str
    planner: str
    sla: str
    graph_signature: str
    invoked_at: float
    last_commit: float
    invocations: tuple[InvocationSpans, ...]
    problems: tuple[str, ...] = ()
    link: str = NO_LINK

    @property
    def makespan_s(self) -> float:
        """From the first entry invocation sent to the last output committed, of the newest launch.

        The number that console, `--json`, record, dashboard and calibration show. 0.0 when that launch stored nothing:
        a resumption that found everything there, or a run that failed before its first output.
        """
        return max(0.0, self.last_commit - self.invoked_at)

    @property
    def is_of_one_launch(self) -> bool:
        """Whether everything belongs to the newest launch: the run was not resumed."""
        return all(one.start_up.invoke_time >= self.invoked_at - LAUNCH_SLACK_S for one in self.invocations)

    @property
    def spans(self) -> tuple[TaskSpan, ...]:
        """The spans of all invocations, in order."""
        return tuple([span for invocation in self.invocations for span in invocation.spans])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What the list of a run's spans tells: `invoked_at` is that of the newest launch, 0 when it tells of none."""

    invocations: tuple[InvocationSpans, ...]
    invoked_at: float
    problems: tuple[str, ...]


def make_timeline(
    gathered: Gathered,
    bundle: LoadedBundle,
    *,
    run: str,
    last_commit: float,
    planner: str = "",
    link: str = NO_LINK,
) -> Timeline:
    """The timeline of a run of `bundle`. `last_commit` 0: as the spans say."""
    stored = (span.committed_at for one in gathered.invocations for span in one.spans)
    return Timeline(
        run=run,
        workflow=bundle.name,
        planner=planner or bundle.planner,
        sla=bundle.sla,
        graph_signature=bundle.graph_signature,
        invoked_at=gathered.invoked_at,
        last_commit=last_commit or max(stored, default=0.0),
        invocations=gathered.invocations,
        problems=gathered.problems,
        link=link,
    )


def gather(texts: Iterable[str | bytes]) -> Gathered:
    """The entries of the list put together. Batches may come twice and in any order; what is none is left out."""
    batches: dict[tuple[str, str], dict[int, SpanBatch]] = {}
    problems: Counter[str] = Counter()
    invoked_at = 0.0
    for text in texts:
        try:
            entry = decode_entry(text)
        except ValueError as err:
            problems[str(err)] += 1
        except SchemaVersionUnsupported as fault:
            problems[fault.message] += 1
        else:
            if isinstance(entry, float):
                invoked_at = entry
            else:
                key = entry.start_up.worker, entry.start_up.incarnation
                batches.setdefault(key, {})[entry.number] = entry
    found = [_joined(list(numbered.values())) for numbered in batches.values()]
    found.sort(key=lambda invocation: invocation.start_up.start_time)
    left_out = [
        f"{count:,} of the batches of spans left out: {why}" for why, count in problems.most_common(MAX_PROBLEMS)
    ]
    return Gathered(invocations=tuple(found), invoked_at=invoked_at, problems=tuple(left_out))


def _joined(batches: list[SpanBatch]) -> InvocationSpans:
    batches.sort(key=lambda batch: batch.number)
    newest = batches[-1]
    return InvocationSpans(
        start_up=newest.start_up,
        spans=tuple([span for batch in batches for span in _set_right(batch, newest.start_up)]),
        is_complete=newest.is_last and newest.number == len(batches) - 1,
    )


def _set_right(batch: SpanBatch, newest: StartUp) -> tuple[TaskSpan, ...]:
    """The spans of a batch by the clock of the newest, which knows best: by so much it has moved the start."""
    moved_s = newest.start_time - batch.start_up.start_time
    if not moved_s:
        return batch.spans
    return tuple([replace(span, started_at=span.started_at + moved_s) for span in batch.spans])


def encode_timeline(timeline: Timeline) -> bytes:
    """JSON: the fields, and per invocation one batch as `schemas/span.json` describes it."""
    invocations = [
        encode_batch(SpanBatch(start_up=one.start_up, spans=one.spans, is_last=one.is_complete))
        for one in timeline.invocations
    ]
    head = {
        "v": SPANS_VERSION,
        **{name: getattr(timeline, name) for name in _TEXTS + _TIMES},
        "problems": timeline.problems,
    }
    return f'{json.dumps(head)[:-1]}, "invocations": [{",".join(invocations)}]}}'.encode()


def decode_timeline(data: bytes) -> Timeline:
    """The inverse of `encode_timeline`.

    Raises `SchemaVersionUnsupported` (E605) for one of another version, `TimelineUnreadable`.
    """
    try:
        document = json.loads(data)
        check_version(document["v"])
        return _timeline(document)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as err:
        raise TimelineUnreadable(
            "the timeline of the run is damaged", hint="its result is not: `treadle runs show` gives it"
        ) from err


def _timeline(document: dict[str, Any]) -> Timeline:
    batches = [read_batch(batch) for batch in document["invocations"]]
    values: dict[str, Any] = {
        **{name: str(document[name]) for name in _TEXTS},
        **{name: float(document[name]) for name in _TIMES},
    }
    return Timeline(
        **values,
        invocations=tuple(
            [
                InvocationSpans(start_up=batch.start_up, spans=batch.spans, is_complete=batch.is_last)
                for batch in batches
            ]
        ),
        problems=tuple(map(str, document["problems"])),
    )


_TEXTS = ("run", "workflow", "planner", "sla", "graph_signature", "link")
_TIMES = ("invoked_at", "last_commit")
