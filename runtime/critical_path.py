"""The critical path of a timeline: the chain of waits, through tasks and workers, that made the run as long as it was.

From the output that came last backwards: its commit, its execution, and whatever it could not begin before, which is
the value that arrived last, the task that its worker ran before it, or the begin of its invocation; that was called
by another commit, back to the launcher. So the steps follow each other without gap or overlap, and add up to the
makespan. What a moment was is decided by `runtime.moments`.

Client side, not shipped; pure. It needs the edges, which a timeline does not hold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from runtime.measures.spans import TaskSpan
from runtime.moments import Moment, Part, moments_of
from runtime.timeline import InvocationSpans, Timeline


class Step(NamedTuple):
    """From `start` to `end` on the store's clock, on a worker ("" for the launcher's), for the sake of a task ("" for
    none in particular)."""

    part: Part
    task: str
    worker: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class CriticalPath:
    """Steps in order of time; their seconds add up to the makespan."""

    steps: tuple[Step, ...]

    @cached_property
    def tasks(self) -> tuple[tuple[str, str], ...]:
        """The instances on it with the workers that ran them, in order."""
        ran = [(step.task, step.worker) for step in self.steps if step.part is Part.EXECUTION]
        return tuple(dict.fromkeys(ran))

    @cached_property
    def seconds(self) -> Mapping[Part, float]:
        """Where its time goes."""
        found: Counter[Part] = Counter()
        for step in self.steps:
            found[step.part] += step.seconds  # type: ignore[assignment]
        return dict(found)


class _Ran(NamedTuple):
    """One attempt: its number among those of its invocation, in order of time."""

    span: TaskSpan
    invocation: InvocationSpans
    order: int

    @property
    def ended_at(self) -> float:
        return self.span.started_at + self.span.exec_s


class _Cause(NamedTuple):
    """What something had to wait for, and until when: an attempt, or with None the invocation's begin."""

    at: float
    ran: _Ran | None
    is_elsewhere: bool = False


def critical_path(timeline: Timeline, producers: Mapping[str, Iterable[str]]) -> CriticalPath:
    """The critical path; `producers` are the names of the instances that each one takes inputs from.

    Nothing at all where no output was stored. What a timeline does not tell (an invocation whose records were lost)
    leaves a step of unexplained time.
    """
    steps = [step for step in _Walk(timeline, producers).back() if step.end > step.start or step.part is Part.EXECUTION]
    return CriticalPath(steps=tuple(reversed(steps)))


class _Walk:
    """One walk, backwards in time: `_at` is how far it has come."""

    def __init__(self, timeline: Timeline, producers: Mapping[str, Iterable[str]]) -> None:
        self._producers = producers
        self._began = timeline.invoked_at
        self._at = timeline.last_commit
        self._by_task: defaultdict[str, list[_Ran]] = defaultdict(list)
        self._before: dict[tuple[int, int], _Ran] = {}
        self._moments: dict[int, tuple[Moment, ...]] = {}
        for invocation in timeline.invocations:
            for order, span in enumerate(sorted(invocation.spans, key=lambda span: span.started_at)):
                ran = _Ran(span, invocation, order)
                self._by_task[span.task].append(ran)
                self._before[id(invocation), order] = ran

    def back(self) -> Iterator[Step]:
        stored = [ran for runs in self._by_task.values() for ran in runs if ran.span.committed_at]
        ran = min(stored, key=lambda one: (abs(one.span.committed_at - self._at), one.span.task), default=None)
        if ran is None:
            return
        seen: set[int] = set()
        while ran is not None and id(ran.span) not in seen and self._at > self._began:
            seen.add(id(ran.span))
            yield from self._commit(ran)
            yield self._step(Part.EXECUTION, ran.span.task, _worker(ran), ran.span.started_at)
            ran = yield from self._wait(ran)
        yield self._step(Part.COORDINATION if ran is None else Part.OTHER, "", "", self._began)

    def _step(self, part: Part, task: str, worker: str, until: float) -> Step:
        """Back to `until`, never before the begin and never forward."""
        end, self._at = self._at, min(self._at, max(until, self._began))
        return Step(part, task, worker, self._at, end)

    def _commit(self, ran: _Ran) -> Iterator[Step]:
        """From the moment at which something depended on it back to the end of its execution."""
        sent = sum(output.serialize_s + output.upload_s for output in ran.span.outputs)
        yield self._step(Part.COORDINATION, ran.span.task, _worker(ran), min(self._at, ran.ended_at + sent))
        yield self._step(Part.UPLOAD, ran.span.task, _worker(ran), ran.ended_at)

    def _wait(self, ran: _Ran) -> Generator[Step, None, _Ran | None]:
        """Back to what the attempt waited for; the attempt that this was, None for the launcher."""
        cause = max(self._causes(ran), key=lambda one: (one.at, one.ran is not None, one.is_elsewhere))
        yield from self._gap(ran, cause)
        if cause.ran is not None:
            return cause.ran
        up = ran.invocation.start_up
        part = Part.START_UP_COLD if up.state == "cold" else Part.START_UP_WARM
        yield self._step(part, "", up.worker, up.given_at)
        yield self._step(Part.QUEUE, "", up.worker, up.invoke_time)
        caller = self._caller(ran.invocation)
        if caller is not None:
            known_at = _known_at(caller, ran.invocation.start_up.invoke_time)
            yield self._step(Part.COORDINATION, caller.span.task, _worker(caller), known_at)
        return caller

    def _causes(self, ran: _Ran) -> Iterator[_Cause]:
        """What it could not begin before. Clocks of several machines may say that a value came too late: it did not."""
        span, invocation = ran.span, ran.invocation
        yield _Cause(max(invocation.start_up.start_time, invocation.start_up.invoke_time), None)
        for name in self._producers.get(span.task, ()):
            runs = [_cause(one, invocation, span.started_at) for one in self._by_task.get(name, ())]
            if runs:
                yield min(runs, key=lambda one: one.at)
        for earlier in self._by_task[span.task]:
            if earlier.span.attempt < span.attempt and earlier.ended_at <= span.started_at:
                yield _Cause(earlier.ended_at, earlier, earlier.invocation is not invocation)
        if (previous := self._before.get((id(invocation), ran.order - 1))) is not None:
            yield _Cause(min(previous.ended_at, span.started_at), previous)

    def _gap(self, ran: _Ran, cause: _Cause) -> Iterator[Step]:
        """From the attempt's start back to its cause: what its invocation did meanwhile."""
        unexplained = Part.INPUT_WAIT if cause.is_elsewhere else Part.COORDINATION
        moments = self._moments_of(ran.invocation)
        for number in range(bisect_left(moments, self._at, key=lambda moment: moment.start) - 1, -1, -1):
            moment = moments[number]
            if moment.end <= cause.at:
                break
            if moment.start < self._at and moment.part is not Part.EXECUTION:
                part = moment.part or unexplained
                yield self._step(unexplained, ran.span.task, _worker(ran), max(moment.end, cause.at))
                yield self._step(part, moment.task or ran.span.task, _worker(ran), max(moment.start, cause.at))
        yield self._step(unexplained, ran.span.task, _worker(ran), cause.at)

    def _moments_of(self, invocation: InvocationSpans) -> tuple[Moment, ...]:
        key = id(invocation)
        if key not in self._moments:
            self._moments[key] = moments_of(invocation).all
        return self._moments[key]

    def _caller(self, invocation: InvocationSpans) -> _Ran | None:
        """Whose commit called it: the last before the call among those that its tasks take inputs from."""
        called_at = invocation.start_up.invoke_time
        feeding = {name for span in invocation.spans for name in self._producers.get(span.task, ())}
        feeders = [one for name in sorted(feeding) for one in self._by_task.get(name, ())]
        known = [(_known_at(one, called_at), one) for one in feeders if one.invocation is not invocation]
        in_time = [(at, one) for at, one in known if at <= called_at]
        return max(in_time, key=lambda found: found[0])[1] if in_time else None


def _cause(producer: _Ran, invocation: InvocationSpans, no_later: float) -> _Cause:
    is_elsewhere = producer.invocation is not invocation
    at = _known_at(producer, no_later) if is_elsewhere else producer.ended_at
    return _Cause(min(at, no_later), producer, is_elsewhere)


def _known_at(ran: _Ran, by: float) -> float:
    """When others could have its output.

    One of several outputs may have been stored before the commit that the span tells of, which is that of the last:
    then all that is known of what was there `by` a moment is that the task had ended.
    """
    known_at = max(ran.span.committed_at, ran.ended_at)
    return ran.ended_at if known_at > by and len(ran.span.outputs) > 1 else known_at


def _worker(ran: _Ran) -> str:
    return ran.invocation.start_up.worker
