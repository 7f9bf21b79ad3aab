"""What an invocation did at each moment of it: one kind of time after another, without gap or overlap. Pure.

A moment in which a task runs is execution. The gaps between are shared out in the order of `_fill`: what the worker is
known to have done in one (it connected, read its SubDag, serialised the output before) comes before what went on beside
it (its inputs were on their way, then an upload, a commit). What nothing explains is `UNEXPLAINED`: the worker measured
how much of it in all was errands and idling, not when.

Summaries add moments up, pictures draw them: nobody decides a second time what a moment was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from runtime.measures.spans import TaskSpan
from runtime.timeline import InvocationSpans


class Part(Enum):
    """A kind of time. START_UP: from the invocation sent to the handler's first line, without the wait for an
    environment (QUEUE) as far as the service tells of it."""

    EXECUTION = "execution"
    INPUT_WAIT = "input_wait"
    UPLOAD = "upload"
    COORDINATION = "coordination"
    LOAD = "load"
    QUEUE = "queue"
    START_UP_COLD = "start_up_cold"
    START_UP_WARM = "start_up_warm"
    IDLE = "idle"
    OTHER = "other"


class Moment(NamedTuple):
    """From `start` to `end` on the store's clock. `task` is the instance for whose sake it was, "" the worker's own.

    `part` is None where nothing explains it. Only an execution may last no time at all;
    `outcome` is that of its attempt.
    """

    part: Part | None
    task: str
    start: float
    end: float
    outcome: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Those of one invocation, in order. `beside_s` are moments in gaps that something beside the tasks explains."""

    all: tuple[Moment, ...]
    beside_s: float


def moments_of(invocation: InvocationSpans) -> Moments:
    """From the invocation sent to its end, or to the last that was heard of it."""
    walk = _Walk()
    found = tuple(walk.along(invocation))
    return Moments(all=found, beside_s=walk.beside_s)


@dataclass(slots=True)
class _Gap:
    """A stretch of one invocation in which no task ran: what explains it is taken from its front."""

    at: float
    until: float

    @property
    def left(self) -> float:
        return max(0.0, self.until - self.at)

    def take(self, part: Part | None, task: str, at_most: float) -> Iterator[Moment]:
        began, self.at = self.at, self.at + max(0.0, min(self.left, at_most))
        if self.at > began:
            yield Moment(part, task, began, self.at)


@dataclass(slots=True)
class _Until:
    """Something that goes on beside the tasks, up to `at`, for the sake of one task."""

    at: float = 0.0
    task: str = ""

    def extend(self, at: float, task: str) -> None:
        if at > self.at:
            self.at, self.task = at, task


@dataclass(slots=True)
class _Walk:
    """One invocation, walked once along its time. What is left of the worker's own seconds shrinks as gaps take it."""

    beside_s: float = 0.0
    _cursor: float = 0.0
    _begin: float = 0.0
    _load: float = 0.0
    _invoke: float = 0.0
    _serialize: tuple[float, str] = (0.0, "")
    _upload: _Until = field(default_factory=_Until)
    _commit: _Until = field(default_factory=_Until)

    def along(self, invocation: InvocationSpans) -> Iterator[Moment]:
        start = invocation.start_up
        began = max(start.invoke_time, start.start_time)
        state = Part.START_UP_COLD if start.state == "cold" else Part.START_UP_WARM
        gap = _Gap(start.invoke_time, began)
        yield from gap.take(Part.QUEUE, "", start.queue_s)
        yield from gap.take(state, "", gap.left)
        self._cursor, self._begin, self._invoke = began, start.setup_s + start.begin_s, start.invoke_s
        self._load = start.subdag_fetch_s + start.subdag_decode_s + start.code_load_s
        for span in sorted(invocation.spans, key=lambda span: span.started_at):
            yield from self._run(span)
        yield from self._fill(max(start.ended_at, self._cursor), 0.0, "")

    def _run(self, span: TaskSpan) -> Iterator[Moment]:
        yield from self._fill(span.started_at, span.wait_inputs_s, span.task)
        ended = span.started_at + span.exec_s
        self._cursor, began = max(self._cursor, ended), max(span.started_at, self._cursor)
        yield Moment(Part.EXECUTION, span.task, began, self._cursor, span.outcome)
        serialize = sum(output.serialize_s for output in span.outputs)
        sent = ended + serialize + sum(output.upload_s for output in span.outputs)
        self._serialize = (serialize, span.task)
        self._upload.extend(sent, span.task)
        self._commit.extend(sent + span.commit_s, span.task)

    def _fill(self, until: float, wait: float, task: str) -> Iterator[Moment]:
        """Explain the time from the cursor on, in which nothing ran; `wait` is for inputs of what runs next."""
        gap = _Gap(self._cursor, until)
        began = gap.left
        yield from gap.take(Part.COORDINATION, "", self._begin)
        self._begin -= began - gap.left
        left = gap.left
        yield from gap.take(Part.LOAD, "", self._load)
        self._load -= left - gap.left
        yield from gap.take(Part.UPLOAD, self._serialize[1], self._serialize[0])
        self._serialize = (0.0, "")
        left = gap.left
        yield from gap.take(Part.INPUT_WAIT, task, wait)
        yield from gap.take(Part.UPLOAD, self._upload.task, self._upload.at - gap.at)
        yield from gap.take(Part.COORDINATION, self._commit.task, self._commit.at - gap.at)
        before = gap.left
        yield from gap.take(Part.COORDINATION, "", self._invoke)
        self._invoke -= before - gap.left
        self.beside_s += left - gap.left
        yield from gap.take(None, "", gap.left)
        self._cursor = max(self._cursor, until)
