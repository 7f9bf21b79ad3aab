"""What is known of each task of a plan or of a run: where it runs, what goes in and out, when, and for how long.

Taken from a timeline, which may be simulated or measured, and from the plan where the timeline is silent. A figure that
nobody knows is None, and shown as `?`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compiler.drawing.shape import Shape
from runtime.bundle import RunGraph
from runtime.measures.spans import StartUp, TaskSpan
from runtime.plan import EnvClass
from runtime.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFigures:
    """Of one instance. `worker` is "" while any may take it; `start_s` is counted from the first invocation sent.

    `source` says in few words where `exec_s` comes from: "20 samples", "hint".
    """

    worker: str = ""
    memory_mb: int | None = None
    input_bytes: int | None = None
    output_bytes: int | None = None
    start_s: float | None = None
    exec_s: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """The attempt of an instance that counts."""

    span: TaskSpan
    start_up: StartUp

    @property
    def ended_at(self) -> float:
        return self.span.started_at + self.span.exec_s


class Places(Protocol):
    """Where instances are to run: a `Plan`, or what is kept of the plan of a run."""

    def worker_name(self, instance: int) -> str | None: ...

    def env(self, instance: int) -> EnvClass: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlaces:
    """The places of a run's record."""

    graph: RunGraph
    classes: Sequence[EnvClass]

    def worker_name(self, instance: int) -> str | None:
        return self.graph.workers[instance]

    def env(self, instance: int) -> EnvClass:
        return self.classes[self.graph.envs[instance]]


def figures_of(
    shape: Shape, *, plan: Places | None = None, timeline: Timeline | None = None, sources: Sequence[str] = ()
) -> list[TaskFigures]:
    """Of every instance; `sources[n]` is instance n's."""
    ran = _attempts(shape, timeline) if timeline is not None else {}
    zero = origin_of(timeline) if timeline is not None else 0.0
    sources = sources or [""] * len(shape)
    return [
        _measured(one, zero, source) if (one := ran.get(number)) is not None else _planned(number, plan, source)
        for number, source in enumerate(sources)
    ]


def _measured(ran: _Ran, zero: float, source: str) -> TaskFigures:
    span = ran.span
    return TaskFigures(
        worker=ran.start_up.worker,
        memory_mb=ran.start_up.memory_mb,
        input_bytes=sum(item.bytes for item in span.inputs) + span.local_bytes,
        output_bytes=sum(output.bytes for output in span.outputs),
        start_s=span.started_at - zero,
        exec_s=span.exec_s,
        source=source,
    )


def _planned(number: int, plan: Places | None, source: str) -> TaskFigures:
    if plan is None:
        return TaskFigures(source=source)
    return TaskFigures(worker=plan.worker_name(number) or "", memory_mb=plan.env(number).memory_mb, source=source)


def origin_of(timeline: Timeline) -> float:
    """When the first invocation of the newest launch was sent, as far as anybody knows."""
    if timeline.invoked_at:
        return timeline.invoked_at
    return min((one.start_up.invoke_time for one in timeline.invocations), default=0.0)


def _attempts(shape: Shape, timeline: Timeline) -> dict[int, _Ran]:
    """The attempt of each instance that counts: the first that was done, else the last."""
    number_of = {name: number for number, name in enumerate(shape.names)}
    found: dict[int, _Ran] = {}
    for invocation in timeline.invocations:
        for span in invocation.spans:
            number = number_of.get(span.task)
            if number is None:
                continue
            one = _Ran(span=span, start_up=invocation.start_up)
            if number not in found or _counts_more(one, found[number]):
                found[number] = one
    return found


def _counts_more(one: _Ran, other: _Ran) -> bool:
    is_done, was_done = one.span.outcome == "done", other.span.outcome == "done"
    if is_done != was_done:
        return is_done
    return one.ended_at < other.ended_at if is_done else one.ended_at > other.ended_at
