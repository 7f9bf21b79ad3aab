"""One run in full, as people and programs see it: how it ended, its plan, its settings, where its time went.

What cannot be read of it (spans of a newer treadle, a graph that Redis has lost) is said in a line, and the rest shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from runtime.bundle import RunGraph, read_classes
from runtime.costs import Cost, cost_of
from runtime.display import tame
from runtime.errors import RuntimeFault
from runtime.links import NO_LINK
from runtime.measures.spans import StartUp, TaskSpan
from runtime.plan import EnvClass
from runtime.quantities import counted, dollars, format_duration, format_size, seconds_text
from runtime.runs.details import Details, details_of
from runtime.runs.finding import Deployment, Found
from runtime.runs.fulfilment import Fulfilment, fulfilment_object, fulfilment_of, fulfilment_text
from runtime.runs.record import RunState, changed_settings
from runtime.runs.summary import Summary, summarize
from runtime.runs.summary_views import slowest_lines, summary_lines, summary_object
from runtime.runs.table import details, run_object
from runtime.timeline import InvocationSpans, Timeline, encode_timeline

SHOWN_FAILURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run with what its record tells of it. `problems` say what could not be read."""

    found: Found
    graph: RunGraph | None
    classes: tuple[EnvClass, ...]
    timeline: Timeline | None
    problems: tuple[str, ...]

    def summary(self) -> Summary | None:
        return None if self.timeline is None else summarize(self.timeline)

    def cost(self) -> Cost | None:
        """What Lambda takes for it; None where nobody knows what its workers did, or the prices."""
        prices = self.found.entry.record.prices
        return None if self.timeline is None or prices is None else cost_of(self.timeline, prices)

    def fulfilment(self) -> Fulfilment | None:
        entry = self.found.entry
        return fulfilment_of(entry.record.promise, self.timeline, is_success=entry.state is RunState.SUCCEEDED)


def shown_run(deployment: Deployment, found: Found) -> ShownRun:
    """Raises `SignatureInvalid` (E606), StoreUnavailable, OSError."""
    kept = details_of(deployment, found)
    timeline, unread = _timeline(kept)
    graph, garbled = _graph(kept)
    problems = (unread, garbled, *(timeline.problems if timeline is not None else ()))
    return ShownRun(
        found=found,
        graph=graph,
        classes=read_classes(kept.plan) if graph is not None and kept.plan is not None else (),
        timeline=timeline,
        problems=tuple(filter(None, problems)),
    )


def _timeline(kept: Details) -> tuple[Timeline | None, str]:
    try:
        return kept.read_timeline(), ""
    except RuntimeFault as fault:
        return None, f"where the time went: ? ({fault.message})"


def _graph(kept: Details) -> tuple[RunGraph | None, str]:
    try:
        return kept.run_graph(), ""
    except RuntimeFault as fault:
        return None, f"the plan: ? ({fault.message})"


def shown_object(shown: ShownRun, *, with_timeline: bool = False) -> dict[str, object]:
    """The `--json` object; what is not known is null. `settings` are those of the workers."""
    record, outcome = shown.found.entry.record, shown.found.entry.outcome
    summary, cost, fulfilment = shown.summary(), shown.cost(), shown.fulfilment()
    timeline = None if shown.timeline is None else json.loads(encode_timeline(shown.timeline))
    return {
        **run_object(shown.found),
        "host": record.host,
        "link": record.link,
        "is_imported": record.is_imported,
        "settings": asdict(record.settings),
        "cost": None if cost is None else asdict(cost),
        "promise": None if fulfilment is None else fulfilment_object(fulfilment),
        "plan": _plan_object(shown),
        "failures": [] if outcome is None else list(outcome.records),
        "summary": None if summary is None else summary_object(summary),
        "problems": list(shown.problems),
        **({"timeline": timeline} if with_timeline else {}),
    }


def _plan_object(shown: ShownRun) -> dict[str, object] | None:
    if shown.graph is None:
        return None
    tasks = Counter(shown.graph.envs)
    pinned = [worker for worker in shown.graph.workers if worker is not None]
    return {
        "workers": len(set(pinned)),
        "pinned_tasks": len(pinned),
        "flexible_tasks": len(shown.graph) - len(pinned),
        "classes": [{**asdict(one), "tasks": tasks[number]} for number, one in enumerate(shown.classes)],
    }


def shown_lines(shown: ShownRun, *, with_timeline: bool = False) -> Iterator[str]:
    """Some screens at most; with the timeline a line for every span."""
    head = list(details(shown.found))
    advice = [line for line in head if line.startswith("next ")]
    yield from (line for line in head if line not in advice)
    if (fulfilment := shown.fulfilment()) is not None:
        yield f"promised  {fulfilment_text(fulfilment)}"
    yield from _cost_lines(shown)
    yield from _plan_lines(shown)
    if (link := shown.found.entry.record.link) != NO_LINK:
        yield f"link      {link} between workers and Redis"
    if settings := ", ".join(_settings(changed_settings(shown.found.entry.record.settings))):
        yield f"settings  {settings}"
    yield from _failure_lines(shown)
    yield from advice
    yield from (f"note      {tame(problem)}" for problem in shown.problems)
    if (summary := shown.summary()) is not None:
        yield ""
        yield from summary_lines(summary, fulfilment, families=None)
        if summary.slowest:
            yield ""
            yield "slowest"
            yield from slowest_lines(summary)
    if with_timeline and shown.timeline is not None:
        yield ""
        yield from _timeline_lines(shown.timeline)


def _plan_lines(shown: ShownRun) -> Iterator[str]:
    if shown.graph is None:
        return
    tasks = Counter(shown.graph.envs)
    pinned = [worker for worker in shown.graph.workers if worker is not None]
    flexible = len(shown.graph) - len(pinned)
    kinds = [counted(len(set(pinned)), "pinned worker")] if pinned else []
    kinds += [f"{counted(flexible, 'task')} on flexible workers"] if flexible else []
    yield f"plan      {', '.join(kinds)}"
    for number, one in enumerate(shown.classes):
        layer = f", layer {one.layer[:8]}" if one.layer else ""
        held = counted(tasks[number], "task")
        yield f"class     {one.memory_mb:,} MB, {one.arch}, Python {one.python}{layer}: {held}"


def _cost_lines(shown: ShownRun) -> Iterator[str]:
    cost, promise = shown.cost(), shown.found.entry.record.promise
    if cost is not None:
        planned = "" if promise is None else f"; planned {dollars(promise.cost_usd)}"
        requests = f"{cost.requests:,} request{'' if cost.requests == 1 else 's'}"
        yield f"cost      {dollars(cost.usd)} on Lambda ({cost.gb_s:,.4g} GB-s, {requests}){planned}"


def _settings(changed: Mapping[str, object]) -> Iterator[str]:
    """Each as the user would write it."""
    for name, value in changed.items():
        if name.endswith("_s") and isinstance(value, (int, float)):
            yield f"{name.removesuffix('_s')} {format_duration(value)}"
        elif name.endswith("_bytes") and isinstance(value, int):
            yield f"{name} {format_size(value)}"
        else:
            yield f"{name} {tame(str(value))}"


def _failure_lines(shown: ShownRun) -> Iterator[str]:
    outcome = shown.found.entry.outcome
    records = () if outcome is None else outcome.records
    for record in records[:SHOWN_FAILURES]:
        message = str(record.get("message", "")).partition("\n")[0]
        yield tame(f"failed    {record.get('task')}, attempt {record.get('attempt')}: {record.get('type')}: {message}")
    if (left := len(records) - SHOWN_FAILURES) > 0:
        yield f"          and {left:,} more"


def _timeline_lines(timeline: Timeline) -> Iterator[str]:
    """Times are since the first invocation was sent."""
    for one in timeline.invocations:
        start = one.start_up
        yield tame(
            f"{_after(start.invoke_time, timeline)}  {start.worker}, {start.env_class}: {start.state} start-up of "
            f"{seconds_text(start.start_up_s)}{_waited(start)}{_ended(one, timeline)}"
        )
        yield from (_span_line(span, timeline) for span in one.spans)


def _waited(start: StartUp) -> str:
    return f" after a wait of {seconds_text(start.queue_s)} for an environment" if start.queue_s else ""


def _ended(one: InvocationSpans, timeline: Timeline) -> str:
    if not one.is_complete:
        return ", its last words are missing"
    return f", ended at {_after(one.start_up.ended_at, timeline).strip()}"


def _span_line(span: TaskSpan, timeline: Timeline) -> str:
    attempt = f", attempt {span.attempt}" if span.attempt > 1 else ""
    ended = "" if span.outcome == "done" else f", {span.outcome}"
    return tame(f"{_after(span.started_at, timeline)}    {seconds_text(span.exec_s):>8}  {span.task}{attempt}{ended}")


def _after(at: float, timeline: Timeline) -> str:
    passed = at - timeline.invoked_at
    return f"{'-' if passed < 0 else '+'}{seconds_text(abs(passed))}".rjust(10)
