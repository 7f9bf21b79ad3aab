"""Runs as people and programs see them: rows of a table, JSON objects, one run in full. Pure."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence

from runtime.errors import RuntimeFault
from runtime.quantities import format_duration, seconds_text
from runtime.report import fault_object
from runtime.runs.ending import fault_of
from runtime.runs.finding import Found
from runtime.runs.record import RunState

UNWATCHED_AFTER_S = 10.0


def run_object(found: Found) -> dict[str, object]:
    """The `--json` object of a run. Times are seconds since 1970; what is not known is null."""
    record, outcome = found.entry.record, found.entry.outcome
    return {
        "run": record.run,
        "makespan_s": None if outcome is None or outcome.result is None else outcome.result.makespan_s,
        "cost_usd": None if outcome is None or outcome.result is None else outcome.result.cost_usd,
        "state": found.entry.state.value,
        "workflow": record.workflow,
        "planner": record.planner,
        "tasks": record.tasks,
        "started": record.started,
        "ended": None if outcome is None else outcome.ended,
        "is_watched": found.entry.is_watched,
        "is_live": found.entry.is_live,
        "reason": "" if outcome is None else outcome.reason,
        "failed_tasks": [] if outcome is None else [one.get("task") for one in outcome.records],
    }


def error_object(found: Found) -> dict[str, object]:
    """The `--json` object of the errors of a run: as `run --json` gave them, null for a run that has not failed."""
    fault = fault_of_run(found)
    error = fault and fault_object(fault)["error"]
    return {"run": found.run, "state": found.entry.state.value, "error": error, "failures": list(passed_by(found))}


def fault_of_run(found: Found) -> RuntimeFault | None:
    """What ended the run, when that was a fault."""
    outcome = found.entry.outcome
    return fault_of(found.run, outcome) if outcome is not None and outcome.state is RunState.FAILED else None


def passed_by(found: Found) -> Sequence[Mapping[str, object]]:
    """The records of the failures that a run that succeeded has let pass."""
    outcome = found.entry.outcome
    return outcome.result.passed if outcome is not None and outcome.result is not None else ()


def table(runs: Sequence[Found], now: float | None = None) -> Iterator[str]:
    """A head and a line for each run."""
    at = time.time() if now is None else now
    rows = [("RUN", "STATE", "TASKS", "STARTED", "TOOK"), *(_row(found, at) for found in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def details(found: Found, now: float | None = None) -> Iterator[str]:
    """One run in full."""
    at = time.time() if now is None else now
    record, outcome = found.entry.record, found.entry.outcome
    _, state, tasks, started, took = _row(found, at)
    yield f"run       {record.run}{', imported' if record.is_imported else ''}"
    yield f"state     {state}"
    noun = "task" if record.tasks == 1 else "tasks"
    yield f"workflow  {record.workflow}, {tasks} {noun}, planned by {record.planner}"
    yield f"started   {started}, took {took}" if outcome is not None else f"started   {started}"
    if outcome is not None and outcome.result is not None:
        yield f"makespan  {seconds_text(outcome.result.makespan_s)}"
    if record.host and record.host != platform.node():
        yield f"launched  on {record.host}"
    if outcome is not None and outcome.reason:
        yield f"reason    {outcome.reason}"
    for line in _advice(found):
        yield f"next      {line}"


def _advice(found: Found) -> Iterator[str]:
    run = found.run
    if found.entry.record.is_imported:
        return
    match found.entry.state:
        case RunState.RUNNING:
            yield f"treadle run --attach {run}"
            yield f"treadle cancel {run}"
        case RunState.SUCCEEDED:
            yield f"treadle run --attach {run}"
        case RunState.FAILED:
            yield f"treadle errors {run}"
            yield f"treadle run --resume {run}"
        case RunState.INTERRUPTED:
            yield f"treadle run --resume {run}"


def _row(found: Found, now: float) -> tuple[str, ...]:
    record, outcome = found.entry.record, found.entry.outcome
    took = "" if outcome is None else _rounded(outcome.ended - record.started)
    if outcome is None and found.entry.is_live:
        took = _rounded(now - record.started)
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
    return record.run, _state(found, now), f"{record.tasks:,}", started, took


def _state(found: Found, now: float) -> str:
    entry = found.entry
    is_new = now - entry.record.launched < UNWATCHED_AFTER_S
    if entry.state is RunState.RUNNING and not entry.is_watched and not is_new:
        return "running, unwatched"
    return entry.state.value


def _rounded(seconds: float) -> str:
    return format_duration(round(max(0.0, seconds), 1 if seconds < 60 else 0))
