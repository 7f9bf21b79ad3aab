"""Where the time of a run went: worker-seconds by kind, for each task family and in total. Pure.

The whole is what the workers' invocations lasted, from being sent to their end; each moment of it has one kind, so that
the parts add up. A moment in which a task runs is execution. The gaps between are shared out in the order of `_fill`:
what the worker is known to have done in one (it connected, read its SubDag, serialised the output before) comes before
what went on beside it (its inputs were on their way, then an upload, a commit). What nothing explains is coordination
or idle as far as the worker measured either, and else `other`.

What was not measured is counted (`missing`), never taken for 0. Not responsible for how a summary is shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from runtime.measures.spans import TaskSpan
from runtime.timeline import InvocationSpans, Timeline

SLOWEST = 5


class Part(Enum):
    """A kind of time. START_UP: from the invocation sent to the handler's first line."""

    EXECUTION = "execution"
    INPUT_WAIT = "input_wait"
    UPLOAD = "upload"
    COORDINATION = "coordination"
    LOAD = "load"
    START_UP_COLD = "start_up_cold"
    START_UP_WARM = "start_up_warm"
    IDLE = "idle"
    OTHER = "other"


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
        _Account(invocation, seconds).settle()
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


@dataclass(slots=True)
class _Gap:
    """A stretch of one invocation in which no task ran: what explains it is taken from its front."""

    at: float
    until: float

    @property
    def left(self) -> float:
        return max(0.0, self.until - self.at)

    def take(self, at_most: float) -> float:
        taken = max(0.0, min(self.left, at_most))
        self.at += taken
        return taken


@dataclass(slots=True)
class _Until:
    """Something that goes on beside the tasks, up to `at`, for the sake of one family."""

    at: float = 0.0
    family: str = ""

    def extend(self, at: float, family: str) -> None:
        if at > self.at:
            self.at, self.family = at, family


@dataclass(slots=True)
class _Account:
    """One invocation, walked once along its time; adds to `seconds` by kind and family ("" is the worker's own)."""

    invocation: InvocationSpans
    seconds: defaultdict[tuple[Part, str], float]
    _cursor: float = 0.0
    _begin: float = 0.0
    _load: float = 0.0
    _invoke: float = 0.0
    _serialize: tuple[float, str] = (0.0, "")
    _upload: _Until = field(default_factory=_Until)
    _commit: _Until = field(default_factory=_Until)
    _unexplained: float = 0.0
    _beside: float = 0.0

    def settle(self) -> None:
        start = self.invocation.start_up
        began = max(start.invoke_time, start.start_time)
        state = Part.START_UP_COLD if start.state == "cold" else Part.START_UP_WARM
        self._add(state, "", began - start.invoke_time)
        self._cursor, self._begin, self._invoke = began, start.setup_s + start.begin_s, start.invoke_s
        self._load = start.subdag_fetch_s + start.subdag_decode_s + start.code_load_s
        for span in sorted(self.invocation.spans, key=lambda span: span.started_at):
            self._walk(span)
        self._fill(max(start.ended_at, self._cursor), 0.0, "")
        rest = _Gap(0.0, self._unexplained)
        self._take(rest, Part.COORDINATION, "", start.errand_s - self._beside)
        self._take(rest, Part.IDLE, "", start.idle_s - max(0.0, self._beside - start.errand_s))
        self._add(Part.OTHER, "", rest.left)

    def _walk(self, span: TaskSpan) -> None:
        family = family_of(span.task)
        self._fill(span.started_at, span.wait_inputs_s, family)
        ended = span.started_at + span.exec_s
        self._add(Part.EXECUTION, family, ended - max(span.started_at, self._cursor))
        self._cursor = max(self._cursor, ended)
        serialize = sum(output.serialize_s for output in span.outputs)
        sent = ended + serialize + sum(output.upload_s for output in span.outputs)
        self._serialize = (serialize, family)
        self._upload.extend(sent, family)
        self._commit.extend(sent + span.commit_s, family)

    def _fill(self, until: float, wait: float, family: str) -> None:
        """Explain the time from the cursor on, in which nothing ran; `wait` is for inputs of what runs next."""
        gap = _Gap(self._cursor, until)
        self._begin -= self._take(gap, Part.COORDINATION, "", self._begin)
        self._load -= self._take(gap, Part.LOAD, "", self._load)
        self._take(gap, Part.UPLOAD, self._serialize[1], self._serialize[0])
        self._serialize = (0.0, "")
        beside = gap.left
        self._take(gap, Part.INPUT_WAIT, family, wait)
        self._take(gap, Part.UPLOAD, self._upload.family, self._upload.at - gap.at)
        self._take(gap, Part.COORDINATION, self._commit.family, self._commit.at - gap.at)
        self._invoke -= self._take(gap, Part.COORDINATION, "", self._invoke)
        self._beside += beside - gap.left
        self._unexplained += gap.left
        self._cursor = max(self._cursor, until)

    def _take(self, gap: _Gap, part: Part, family: str, at_most: float) -> float:
        taken = gap.take(at_most)
        self._add(part, family, taken)
        return taken

    def _add(self, part: Part, family: str, took: float) -> None:
        if took > 0.0:
            self.seconds[part, family] += took
