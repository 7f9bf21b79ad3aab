"""What one run adds to the history: its timeline, by task and class of environments, as a history of one run.

Of a resumed run only what its newest launch did: the launches before were counted when they ended. Attempts are told
apart by how they ended; one that came first in a new environment is no ordinary one either. A trip that brought several
inputs is one measurement of all their bytes, and so is a commit with the outputs of several tasks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from runtime.history.records import (
    EXPONENT_MARK,
    LINK_MARK,
    SAMPLES_PER_RUN,
    EnvironmentHistory,
    FamilyHistory,
    FamilyKey,
    FamilyRun,
    GraphHistory,
    RanksKey,
    RunRow,
    Sample,
)
from runtime.history.relation import Relation
from runtime.history.sketch import SMALLEST, Sketch
from runtime.links import NO_LINK
from runtime.measures.spans import StartUp, TaskSpan
from runtime.promise import Promise
from runtime.timeline import LAUNCH_SLACK_S, InvocationSpans, Timeline

BULK = frozenset({"upload", "fetch store", "serialize"})
FEW_BYTES = 64 * 1024
BULK_BYTES = 32 * 1024
"""From here on what these take is told for each million bytes, too: a bucket of sizes is too wide for a rate."""

SUCCEEDED, RESUMED = "succeeded", "resumed"
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a timeline does not know of the code that ran: the fingerprint of each task's, and its bytes in all."""

    fingerprints: Mapping[str, str]
    code_bytes: int


def history_of(timeline: Timeline, code: Code, state: str, promise: Promise | None = None) -> GraphHistory:
    """The history of one run that ended as `state` says; one that needed several launches was `resumed`.

    What it had promised counts where its makespan does: when it succeeded at once.
    """
    began = _began(timeline)
    launched = [one for one in timeline.invocations if one.start_up.invoke_time >= began - LAUNCH_SLACK_S]
    if state == SUCCEEDED and len(launched) < len(timeline.invocations):
        state = RESUMED
    is_whole = state == SUCCEEDED and timeline.invoked_at > 0 and timeline.makespan_s > 0
    return GraphHistory(
        signature=timeline.graph_signature,
        workflow=timeline.workflow,
        families=_families(launched, code, _short(timeline.run), began, timeline.link),
        environments=_environments(launched, code, began, timeline.link),
        makespans={(timeline.planner, timeline.sla, timeline.link): Sketch.of([timeline.makespan_s])}
        if is_whole
        else {},
        states={state: 1},
        ranks=_ranks(timeline, promise) if is_whole and promise else {},
        runs=(_row(timeline, launched, state, began, promise.model_s if is_whole and promise else 0.0),),
        seen_at=began,
    )


def _ranks(timeline: Timeline, promise: Promise) -> dict[RanksKey, dict[int, int]]:
    return {(timeline.planner, timeline.link, promise.is_settled): {promise.rank(timeline.makespan_s): 1}}


def _began(timeline: Timeline) -> float:
    """When the launch began; where its launcher was killed before it could say so, its first worker's call."""
    called = (one.start_up.invoke_time for one in timeline.invocations)
    return round(timeline.invoked_at or min(called, default=0.0), 3)


def launch_mark(timeline: Timeline) -> str:
    """What a launch of a run is counted by: once, whoever and however many follow it to its end."""
    return f"{timeline.run} {_began(timeline):.3f}"


def _row(timeline: Timeline, launched: Sequence[InvocationSpans], state: str, began: float, model_s: float) -> RunRow:
    states = Counter(one.start_up.state for one in launched)
    done = {span.task for one in launched for span in one.spans if span.outcome == "done"}
    return RunRow(
        at=began,
        run=timeline.run,
        state=state,
        planner=timeline.planner,
        sla=timeline.sla,
        makespan_s=round(timeline.makespan_s, 6) if timeline.invoked_at else 0.0,
        tasks=len(done),
        cold=states["cold"],
        warm=states["warm"],
        link=timeline.link,
        model_s=round(model_s, 6),
    )


@dataclass(slots=True)
class _Gathered:
    """The attempts of one task in one class, while they are collected: (input bytes, seconds) each."""

    execs: list[Point] = field(default_factory=list)
    first_execs: list[Point] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    skipped: int = 0
    cpu: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    outputs: defaultdict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))
    samples: list[tuple[int, Sample]] = field(default_factory=list)
    logs: list[float] = field(default_factory=list)

    def take(self, span: TaskSpan, *, is_first: bool) -> None:
        match span.outcome:
            case "done":
                self._take_done(span, is_first)
            case "failed":
                self.failed.append(span.exec_s)
            case "cut":
                self.cut.append(span.exec_s)
            case "skipped":
                self.skipped += 1

    def _take_done(self, span: TaskSpan, is_first: bool) -> None:
        size = span.local_bytes + sum([item.bytes for item in span.inputs])
        given = 0
        for output in span.outputs:
            self.outputs[output.name or ""].append((size, output.bytes))
            given += output.bytes
        if span.cpu is not None and span.alone_s > 0:
            self.cpu.append(span.cpu.used_s / span.alone_s)
        if is_first:
            self.first_execs.append((size, span.alone_s))
            return
        self.execs.append((size, span.alone_s))
        self.logs.append(math.log(max(span.alone_s, SMALLEST)))
        sample = Sample(input_bytes=size, exec_s=float(f"{span.alone_s:.6g}"), output_bytes=given)
        self.samples.append((crc32(span.task.encode("utf-8", "surrogatepass")), sample))

    def made(self, fingerprint: str, run: str, at: float) -> FamilyHistory:
        return FamilyHistory(
            fingerprint=fingerprint,
            execs=Relation.of(self.execs),
            first_execs=Relation.of(self.first_execs),
            failed=Sketch.of(self.failed),
            cut=Sketch.of(self.cut),
            skipped=self.skipped,
            cpu=Sketch.of(self.cpu),
            beside=Sketch.of(self.beside),
            outputs={name: Relation.of(self.outputs[name]) for name in sorted(self.outputs)},
            recent=(self._recent(run, at),) if self.logs else (),
            seen_at=at,
        )

    def _recent(self, run: str, at: float) -> FamilyRun:
        count = len(self.logs)
        chosen = sorted(self.samples)[:SAMPLES_PER_RUN]
        return FamilyRun(
            at=at,
            run=run,
            count=count,
            log_mean=round(sum(self.logs) / count, 6),
            log_square=round(sum([value * value for value in self.logs]) / count, 6),
            samples=tuple([sample for _, sample in chosen]),
        )


def _families(
    launched: Iterable[InvocationSpans], code: Code, run: str, at: float, link: str
) -> dict[FamilyKey, FamilyHistory]:
    """Of the tasks that the graph knows; another name is none of this workflow's."""
    found: dict[FamilyKey, _Gathered] = {}
    for one in launched:
        env = env_key(one.start_up, link)
        first = min(one.spans, key=lambda span: span.started_at, default=None)
        for span in one.spans:
            task = span.task.partition("[")[0]
            if task in code.fingerprints:
                family = found.setdefault((task, env), _Gathered())
                family.take(span, is_first=span is first and one.start_up.state == "cold")
        for task, seconds in _commits_beside(one.spans):
            if (task, env) in found:
                found[task, env].beside.append(seconds)
    return {key: found[key].made(code.fingerprints[key[0]], run, at) for key in sorted(found)}


def _commits_beside(spans: Sequence[TaskSpan]) -> Iterator[tuple[str, float]]:
    """The task that ran when a commit of the same invocation reached the store, and what the commit took; of those
    with so few bytes that these do not matter."""
    ran = sorted(spans, key=lambda span: span.started_at)
    starts = [span.started_at for span in ran]
    for (at, seconds), size in _commits(spans).items():
        number = bisect_right(starts, at) - 1
        if size < FEW_BYTES and number >= 0 and at < ran[number].started_at + ran[number].exec_s:
            yield ran[number].task.partition("[")[0], seconds


def _commits(spans: Iterable[TaskSpan]) -> Mapping[tuple[float, float], int]:
    """Each commit by its time and what it took, with the bytes inside: it may have brought outputs of several tasks."""
    found: defaultdict[tuple[float, float], int] = defaultdict(int)
    for span in spans:
        if span.commit_s > 0:
            inside = [output.bytes for output in span.outputs if output.is_stored and not output.upload_s]
            found[(span.committed_at, span.commit_s)] += sum(inside)
    return found


def env_key(start_up: StartUp, link: str) -> str:
    """The class of an environment, how its CPU share goes with its memory where it does, and its link where it has one:
    what was measured over one is never taken for another's."""
    exponent = f"{EXPONENT_MARK}{start_up.exponent:g}" if start_up.exponent else ""
    return start_up.env_class + exponent + ("" if link == NO_LINK else LINK_MARK + link)


def _environments(
    launched: Iterable[InvocationSpans], code: Code, at: float, link: str
) -> dict[str, EnvironmentHistory]:
    by_class: defaultdict[str, list[InvocationSpans]] = defaultdict(list)
    for one in launched:
        by_class[env_key(one.start_up, link)].append(one)
    first = min((one.start_up.start_time for one in launched), default=0.0)
    return {env: _environment(by_class[env], code.code_bytes, at, link, first) for env in sorted(by_class)}


def _environment(
    invocations: Sequence[InvocationSpans], code_bytes: int, at: float, link: str, first: float
) -> EnvironmentHistory:
    """`first` is when the first environment of the run, of any class, came to life."""
    points: defaultdict[str, list[Point]] = defaultdict(list)
    for one in invocations:
        for kind, size, seconds in (*_invocation_points(one, code_bytes, first), *_trips(one.spans)):
            points[kind].append((size, seconds))
            if kind in BULK and size >= BULK_BYTES:
                points[f"{kind} per MB"].append((size, seconds / size * 1e6))
    start_up = invocations[0].start_up
    return EnvironmentHistory(
        memory_mb=start_up.memory_mb,
        exponent=start_up.exponent,
        link=link,
        kinds={kind: Relation.of(points[kind]) for kind in sorted(points)},
        peak_memory_mb=Sketch.of([one.start_up.peak_memory_mb for one in invocations if one.start_up.peak_memory_mb]),
        seen_at=at,
    )


def _invocation_points(one: InvocationSpans, code_bytes: int, first: float) -> Iterator[tuple[str, float, float]]:
    """(kind, bytes, seconds) of what is spent once in an invocation; what was not measured is left out.

    What was called before any environment lived was called by the launcher, and may have waited for the platform.
    """
    start_up, tasks, alone = one.start_up, len(one.spans), _alone(one.start_up)
    is_launch = start_up.state == "cold" and start_up.invoke_time <= first
    yield "start launch" if is_launch else f"start {start_up.state}", code_bytes, start_up.start_up_s
    once = {
        "queue": (0, start_up.queue_s),
        "work cold": (0, start_up.start_cpu_s),
        f"code {start_up.state}": (code_bytes, start_up.code_load_s * alone),
        f"setup {start_up.state}": (0, start_up.setup_s * alone),
        "begin": (0, start_up.begin_s),
        "subdag": (0, start_up.subdag_fetch_s),
        "decode": (0, start_up.subdag_decode_s * alone / max(1, tasks)),
        "invoke": (0, start_up.invoke_s / start_up.invocations if start_up.invocations else 0.0),
        "own": (tasks, _own_s(one)),
    }
    yield from ((kind, size, seconds) for kind, (size, seconds) in once.items() if seconds > 0)


def _alone(start_up: StartUp) -> float:
    """The part of the time before its begin during which it had a core, or waited for something else."""
    before_s = start_up.setup_s + start_up.subdag_fetch_s + start_up.subdag_decode_s + start_up.code_load_s
    return max(0.0, 1 - start_up.delay_s / before_s) if before_s else 1.0


def _own_s(one: InvocationSpans) -> float:
    """What nothing else of an invocation explains; 0 of one that was killed, whose end nobody knows."""
    up = one.start_up
    if not one.is_complete or not up.ended_at:
        return 0.0
    once = up.setup_s + up.begin_s + up.subdag_fetch_s + up.subdag_decode_s + up.code_load_s + up.idle_s + up.errand_s
    tasks = sum([span.exec_s + sum([output.serialize_s for output in span.outputs]) for span in one.spans])
    return up.ended_at - up.start_time - once - tasks


def _trips(spans: Iterable[TaskSpan]) -> Iterator[tuple[str, float, float]]:
    """(kind, bytes, seconds) of every trip to the store: what shares one is added up, what is named twice came once."""
    fetched: dict[tuple[str, float], dict[str, int]] = {}
    spans = list(spans)
    for span in spans:
        for item in span.inputs:
            if item.fetch_s > 0:
                fetched.setdefault((f"fetch {item.source}", item.fetch_s), {})[item.slot] = item.bytes
        for output in span.outputs:
            if output.serialize_s > 0:
                yield "serialize", output.bytes, output.serialize_s
            if output.upload_s > 0:
                yield "upload", output.bytes, output.upload_s
    yield from ((kind, sum(slots.values()), seconds) for (kind, seconds), slots in fetched.items())
    yield from (("commit", size, seconds) for (_, seconds), size in _commits(spans).items())


def _short(run: str) -> str:
    """Enough of a run's id to tell it from others: its time and its random part."""
    first, *middle, _ = run.split("_") if run.count("_") > 1 else (run, "")
    return f"{first}_{middle[-1]}" if middle else first
