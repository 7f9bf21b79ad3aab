"""A timeline as lanes: one for each invocation of a worker, with the bars that stand in it. Where they are drawn is not
known here: the picture (`gantt`) and the terminal (`text_timeline`) draw the same bars.

Each moment of an invocation has one kind, as in the summary of a run (`runtime.moments`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from compiler.drawing.figures import origin_of
from runtime.critical_path import CriticalPath
from runtime.moments import Moment, Part, moments_of
from runtime.timeline import InvocationSpans, Timeline


class Kind(Enum):
    """What a bar shows; the value is what a legend calls it."""

    QUEUE = "environment wait"
    COLD = "cold start"
    WARM = "warm start"
    LOAD = "code and SubDag load"
    FETCH = "input wait"
    EXECUTION = "execution"
    UPLOAD = "upload"
    COORDINATION = "coordination"
    IDLE = "idle"


KINDS = {
    Part.QUEUE: Kind.QUEUE,
    Part.START_UP_COLD: Kind.COLD,
    Part.START_UP_WARM: Kind.WARM,
    Part.LOAD: Kind.LOAD,
    Part.INPUT_WAIT: Kind.FETCH,
    Part.EXECUTION: Kind.EXECUTION,
    Part.UPLOAD: Kind.UPLOAD,
    Part.COORDINATION: Kind.COORDINATION,
    Part.IDLE: Kind.IDLE,
    Part.OTHER: Kind.IDLE,
    None: Kind.IDLE,
}


class Bar(NamedTuple):
    """From `start_s` to `end_s` after the first invocation was sent. `tasks` is how many executions it stands for.

    `task` is the first of these, or the one for whose sake something was done, "" for none.
    """

    kind: Kind
    start_s: float
    end_s: float
    task: str = ""
    tasks: int = 0
    is_critical: bool = False
    is_failed: bool = False

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One invocation. `turn` counts those of its worker from 1; `is_complete`: its last words came."""

    worker: str
    turn: int
    memory_mb: int
    is_cold: bool
    is_complete: bool
    bars: tuple[Bar, ...]

    @property
    def execution_s(self) -> float:
        return sum(bar.seconds for bar in self.bars if bar.kind is Kind.EXECUTION)

    @property
    def tasks(self) -> int:
        return sum(bar.tasks for bar in self.bars)

    @property
    def is_critical(self) -> bool:
        return any(bar.is_critical for bar in self.bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """All lanes in order of their workers' first start, and the critical path. `earlier` invocations, of launches
    before the newest, are not among them. The makespan is None when nothing was stored."""

    lanes: tuple[Lane, ...]
    start_s: float
    end_s: float
    path: tuple[Bar, ...]
    makespan_s: float | None
    earlier: int


def lanes_of(timeline: Timeline, path: CriticalPath) -> Lanes:
    zero = origin_of(timeline)
    critical: dict[str, set[str]] = {}
    for task, worker in path.tasks:
        critical.setdefault(worker, set()).add(task)
    newest = [one for one in timeline.invocations if _last_of(one) >= zero]
    numbers: dict[str, int] = {}
    turns: dict[str, int] = {}
    found: list[Lane] = []
    for invocation in newest:
        worker = invocation.start_up.worker
        numbers.setdefault(worker, len(numbers))
        turns[worker] = turns.get(worker, 0) + 1
        found.append(_lane(invocation, turns[worker], zero, critical.get(worker, set())))
    found.sort(key=lambda lane: (numbers[lane.worker], lane.turn))
    return Lanes(
        lanes=tuple(found),
        start_s=min([0.0, *(lane.bars[0].start_s for lane in found if lane.bars)]),
        end_s=max((lane.bars[-1].end_s for lane in found if lane.bars), default=0.0),
        path=path_bars(path, zero),
        makespan_s=timeline.makespan_s or None,
        earlier=len(timeline.invocations) - len(newest),
    )


def _last_of(invocation: InvocationSpans) -> float:
    """The last that is known of an invocation."""
    start = invocation.start_up
    ends = (span.started_at + span.exec_s for span in invocation.spans)
    return max(start.invoke_time, start.start_time, start.ended_at, *ends, 0.0)


def _lane(invocation: InvocationSpans, turn: int, zero: float, critical: Collection[str]) -> Lane:
    start = invocation.start_up
    return Lane(
        worker=start.worker,
        turn=turn,
        memory_mb=start.memory_mb,
        is_cold=start.state == "cold",
        is_complete=invocation.is_complete,
        bars=tuple(_bars(moments_of(invocation).all, zero, critical)),
    )


def _bars(moments: Iterable[Moment], zero: float, critical: Collection[str]) -> Iterator[Bar]:
    for part, task, start, end, outcome in moments:
        kind = KINDS[part]
        is_run = kind is Kind.EXECUTION
        yield Bar(
            kind=kind,
            start_s=start - zero,
            end_s=end - zero,
            task=task,
            tasks=int(is_run),
            is_critical=is_run and task in critical,
            is_failed=outcome in ("failed", "cut"),
        )


def path_bars(path: CriticalPath, zero: float) -> tuple[Bar, ...]:
    """What the run waited for at each moment, as bars: together they are as long as the makespan."""
    return tuple(
        Bar(
            kind=KINDS[step.part],
            start_s=step.start - zero,
            end_s=step.end - zero,
            task=step.task,
            tasks=int(step.part is Part.EXECUTION),
            is_critical=step.part is Part.EXECUTION,
        )
        for step in path.steps
    )


def merged(bars: Sequence[Bar], least_s: float) -> Iterator[Bar]:
    """The bars, those that are shorter than `least_s` joined with their neighbours into one of about that length.

    It is of the kind that takes most of it. So there are at most as many bars as fit, however many tasks ran.
    """
    short: list[Bar] = []
    for bar in bars:
        if bar.seconds >= least_s:
            yield from _joined(short)
            short = []
            yield bar
            continue
        short.append(bar)
        if bar.end_s - short[0].start_s >= least_s:
            yield from _joined(short)
            short = []
    yield from _joined(short)


def _joined(bars: Sequence[Bar]) -> Iterator[Bar]:
    if len(bars) < 2:
        yield from bars
        return
    seconds: dict[Kind, float] = {}
    for bar in bars:
        seconds[bar.kind] = seconds.get(bar.kind, 0.0) + bar.seconds
    runs = [bar for bar in bars if bar.tasks]
    yield Bar(
        kind=max(seconds, key=lambda kind: (seconds[kind], kind is Kind.EXECUTION)),
        start_s=bars[0].start_s,
        end_s=bars[-1].end_s,
        task=(runs or bars)[0].task,
        tasks=sum(bar.tasks for bar in runs),
        is_critical=any(bar.is_critical for bar in runs),
        is_failed=any(bar.is_failed for bar in runs),
    )
