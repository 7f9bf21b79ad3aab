"""Where the time of a run went: worker-seconds by kind, for each task family and in total. Pure.

The whole is what the workers' invocations lasted, from being sent to their end; each moment of it has one kind
(`runtime.moments`), so that the parts add up. What no moment explains is coordination or idle as far as the worker
measured either, and else `other`.

What was not measured is counted (`missing`), never taken for 0. Not responsible for how a summary is shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.measures.spans import TaskSpan
from runtime.moments import Part, moments_of
from runtime.timeline import InvocationSpans, Timeline

SLOWEST = 5


Seconds = Mapping[Part, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySummary:
    """What the attempts of one task family took. `outcomes` counts them: done, failed, cut, skipped.

    `bytes_in` came from outside their workers, `bytes_local` did not, `bytes_out` was stored.
    """

    family: str
    outcomes: Mapping[str, int]
    seconds: Seconds
    exec_max_s: float
    bytes_in: int
    bytes_local: int
    bytes_out: int

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    @property
    def worker_s(self) -> float:
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The totals of a run and its families, the one that took most first: of all its launches, when it was resumed.

    `missing` counts invocations whose last words never came: what they did after their last span is in no figure.
    """

    makespan_s: float
    workers: int
    invocations: int
    cold_starts: int
    warm_starts: int
    missing: int
    seconds: Seconds
    bytes_in: int
    bytes_out: int
    commits: int
    peak_memory_mb: float
    families: tuple[FamilySummary, ...]
    slowest: tuple[TaskSpan, ...]

    @property
    def worker_s(self) -> float:
        return sum(self.seconds.values())


def summarize(timeline: Timeline) -> Summary:
    """The summary of everything that a timeline holds."""
    seconds: defaultdict[tuple[Part, str], float] = defaultdict(float)
    for invocation in timeline.invocations:
        _account(invocation, seconds)
    starts = [invocation.start_up for invocation in timeline.invocations]
    spans = [span for invocation in timeline.invocations for span in invocation.spans]
    cold = sum(start.state == "cold" for start in starts)
    return Summary(
        makespan_s=timeline.makespan_s,
        workers=len({start.worker for start in starts}),
        invocations=len(starts),
        cold_starts=cold,
        warm_starts=len(starts) - cold,
        missing=sum(not invocation.is_complete for invocation in timeline.invocations),
        seconds={part: sum((took for (kind, _), took in seconds.items() if kind is part), 0.0) for part in Part},
        bytes_in=sum(start.bytes_in for start in starts),
        bytes_out=sum(start.bytes_out for start in starts),
        commits=sum(start.commits for start in starts),
        peak_memory_mb=max((start.peak_memory_mb for start in starts), default=0.0),
        families=_families(spans, seconds),
        slowest=tuple(sorted(spans, key=lambda span: -span.exec_s)[:SLOWEST]),
    )


def family_of(task: str) -> str:
    """The family of an instance: no task's name has a bracket, and keys need not be read."""
    return task.partition("[")[0]


def _families(spans: Iterable[TaskSpan], seconds: Mapping[tuple[Part, str], float]) -> tuple[FamilySummary, ...]:
    by_family: defaultdict[str, list[TaskSpan]] = defaultdict(list)
    for span in spans:
        by_family[family_of(span.task)].append(span)
    found = [_family(name, own, seconds) for name, own in by_family.items()]
    return tuple(sorted(found, key=lambda one: (-one.worker_s, one.family)))


def _family(name: str, spans: list[TaskSpan], seconds: Mapping[tuple[Part, str], float]) -> FamilySummary:
    return FamilySummary(
        family=name,
        outcomes=dict(sorted(Counter(span.outcome for span in spans).items())),
        seconds={part: seconds[part, name] for part in Part if (part, name) in seconds},
        exec_max_s=max(span.exec_s for span in spans),
        bytes_in=sum(item.bytes for span in spans for item in span.inputs),
        bytes_local=sum(span.local_bytes for span in spans),
        bytes_out=sum(output.bytes for span in spans for output in span.outputs if output.is_stored),
    )


def _account(invocation: InvocationSpans, seconds: defaultdict[tuple[Part, str], float]) -> None:
    """Add the time of one invocation by kind and family ("" is the worker's own)."""
    found, start = moments_of(invocation), invocation.start_up
    unexplained = 0.0
    for moment in found.all:
        if moment.part is None:
            unexplained += moment.seconds
        elif moment.seconds > 0.0:
            seconds[moment.part, family_of(moment.task)] += moment.seconds
    errands_s = max(0.0, min(unexplained, start.errand_s - found.beside_s))
    idle_s = start.idle_s - max(0.0, found.beside_s - start.errand_s)
    idle_s = max(0.0, min(unexplained - errands_s, idle_s))
    rest = ((Part.COORDINATION, errands_s), (Part.IDLE, idle_s), (Part.OTHER, unexplained - errands_s - idle_s))
    for part, took in rest:
        if took > 0.0:
            seconds[part, ""] += took
