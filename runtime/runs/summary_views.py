"""A summary as people and programs see it: a table that fits 80 columns, an object for `--json`. Pure.

What was not measured is `?` in the table and null in the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime.display import tame
from runtime.measures.spans import TaskSpan
from runtime.moments import Part
from runtime.promise import Promise
from runtime.quantities import format_size, seconds_text
from runtime.runs.fulfilment import Fulfilment
from runtime.runs.summary import FamilySummary, Summary

WIDTH = 80
BAR = 24
SHORT_BAR = 18
HEADING = "where the time went"
SHOWN_FAMILIES = 3
NAMES = {
    Part.EXECUTION: "execution",
    Part.INPUT_WAIT: "input wait",
    Part.UPLOAD: "upload",
    Part.COORDINATION: "coordination",
    Part.LOAD: "code and SubDag load",
    Part.QUEUE: "environment wait",
    Part.START_UP_COLD: "start-up, cold",
    Part.START_UP_WARM: "start-up, warm",
    Part.IDLE: "idle",
    Part.OTHER: "other",
}
OWN_PARTS = (Part.EXECUTION, Part.INPUT_WAIT, Part.UPLOAD, Part.COORDINATION)
"""What is done for the sake of some task; the rest is the worker's own."""


def summary_object(summary: Summary) -> dict[str, object]:
    """The `--json` object. Durations are worker-seconds."""
    is_known = summary.invocations > 0
    return {
        "worker_s": summary.worker_s if is_known else None,
        "totals": {f"{part.value}_s": summary.seconds.get(part, 0.0) if is_known else None for part in Part},
        "workers": summary.workers,
        "invocations": summary.invocations,
        "cold_starts": summary.cold_starts,
        "warm_starts": summary.warm_starts,
        "invocations_without_end": summary.missing,
        "bytes_in": summary.bytes_in,
        "bytes_out": summary.bytes_out,
        "commits": summary.commits,
        "peak_memory_mb": summary.peak_memory_mb or None,
        "tasks": [_family_object(family) for family in summary.families],
        "slowest": [_span_object(span) for span in summary.slowest],
    }


def _family_object(family: FamilySummary) -> dict[str, object]:
    return {
        "task": family.family,
        "attempts": family.attempts,
        "outcomes": dict(family.outcomes),
        "worker_s": family.worker_s,
        **{f"{part.value}_s": family.seconds.get(part, 0.0) for part in OWN_PARTS},
        "exec_max_s": family.exec_max_s,
        "bytes_in": family.bytes_in,
        "bytes_local": family.bytes_local,
        "bytes_out": family.bytes_out,
    }


def _span_object(span: TaskSpan) -> dict[str, object]:
    return {
        "task": span.task,
        "attempt": span.attempt,
        "outcome": span.outcome,
        "exec_s": span.exec_s,
        "wait_inputs_s": span.wait_inputs_s,
        "commit_s": span.commit_s,
    }


def summary_lines(
    summary: Summary, fulfilment: Fulfilment | None = None, *, families: int | None = SHOWN_FAMILIES
) -> Iterator[str]:
    """Where the time went, beside what was promised; then the families that took most: `families` of them, None for
    all."""
    if not summary.invocations:
        yield "where the time went: ? (no spans came)"
        return
    if fulfilment is None or fulfilment.makespan_s is None:
        yield f"where {seconds_text(summary.worker_s)} of the workers' time went"
        yield from _parts(summary)
    else:
        yield from _planned(summary, fulfilment.promise)
    shown = summary.families if families is None else summary.families[:families]
    yield ""
    yield from _table([_HEAD, *map(_row, shown)])
    if left := len(summary.families) - len(shown):
        yield f"  … and {left:,} more {'task' if left == 1 else 'tasks'}"
    if summary.missing:
        of_all = f"{summary.missing:,} of {summary.invocations:,} invocations"
        yield f"  there are no last words of {of_all}: what they did after their last span is not in it (?)"


def _parts(summary: Summary) -> Iterator[str]:
    whole = summary.worker_s or 1.0
    for part, name in NAMES.items():
        if took := summary.seconds.get(part, 0.0):
            share = took / whole
            bar = "█" * round(BAR * share)
            yield f"  {name:<20}  {seconds_text(took):>9}  {_percent(share):>5}  {bar}".rstrip()


def _planned(summary: Summary, promise: Promise) -> Iterator[str]:
    """Each kind of time as it was planned, and as it was; "?" of one that a promise of before knows nothing of."""
    whole, planned = summary.worker_s or 1.0, sum(promise.seconds.values())
    yield f"{HEADING:<22}  {'REAL':>9}  {'PLANNED':>9}"
    for part, name in NAMES.items():
        took, expected = summary.seconds.get(part, 0.0), promise.seconds.get(part.value)
        if took or expected:
            shown = "?" if expected is None else seconds_text(expected)
            bar = "█" * round(SHORT_BAR * took / whole)
            yield f"  {name:<20}  {seconds_text(took):>9}  {shown:>9}  {_percent(took / whole):>5}  {bar}".rstrip()
    yield f"  {'together':<20}  {seconds_text(summary.worker_s):>9}  {seconds_text(planned):>9}"


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


_HEAD = ("TASK", "RUNS", "EXECUTION", "LONGEST", "WAIT", "UPLOAD", "COMMIT", "IN", "OUT")


def _row(family: FamilySummary) -> tuple[str, ...]:
    execution, wait, upload, coordination = (seconds_text(family.seconds.get(part, 0.0)) for part in OWN_PARTS)
    return (
        tame(family.family),
        f"{family.attempts:,}",
        execution,
        seconds_text(family.exec_max_s),
        wait,
        upload,
        coordination,
        _bytes(family.bytes_in),
        _bytes(family.bytes_out),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Names to the left, figures to the right; a name that is too long for the screen loses its middle."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[0] = max(8, min(widths[0], WIDTH - 2 - sum(widths[1:]) - len(widths) + 1))
    for name, *figures in rows:
        cells = [_cut(name, widths[0]).ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)]
        yield f"  {' '.join(cells)}"


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def slowest_lines(summary: Summary) -> Iterator[str]:
    """The attempts that executed longest."""
    for span in summary.slowest:
        ended = "" if span.outcome == "done" else f", {span.outcome}"
        waited = f", waited {seconds_text(span.wait_inputs_s)} for inputs" if span.wait_inputs_s >= 0.001 else ""
        attempt = f", attempt {span.attempt}" if span.attempt > 1 else ""
        yield f"{seconds_text(span.exec_s):>9}  {tame(span.task)}{attempt}{ended}{waited}"


def _bytes(count: int) -> str:
    return format_size(count).replace("iB", "") if count else "0"
