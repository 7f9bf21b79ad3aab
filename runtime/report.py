"""How a finished or failed run is shown: as text for a person, as one object for `--json`."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping

from runtime.errors import RunFailed, RuntimeFault
from runtime.results import RunResult

SHOWN_LINES = 40
SHOWN_RECORDS = 5


def result_object(result: RunResult) -> dict[str, object]:
    """The `--json` object. A value that JSON cannot hold is given by its repr under `…_repr`."""
    key = "result" if result.result_kind == "result" else "outputs"
    try:
        json.dumps(result.result, allow_nan=False)
        shown: dict[str, object] = {key: result.result}
    except (TypeError, ValueError, RecursionError):
        shown = {key: None, f"{key}_repr": _safe_repr(result.result)}
    return {
        **shown,
        "run": result.run,
        "makespan_s": result.makespan_s,
        "wall_s": result.wall_s,
        "planner": result.planner,
        "tasks": result.tasks,
        "workers": result.workers,
        "invocations": result.invocations,
        "cold_starts": result.cold_starts,
        "warm_starts": result.warm_starts,
        "bytes_moved": result.bytes_moved,
    }


def result_text(result: RunResult) -> str:
    """The value, cut to a screen."""
    text = result.result if isinstance(result.result, str) else _safe_pretty(result.result)
    lines = text.splitlines() or [""]
    if len(lines) > SHOWN_LINES:
        lines = [*lines[:SHOWN_LINES], f"… {len(lines) - SHOWN_LINES} more lines (--json prints all)"]
    return "\n".join(line if len(line) <= 2_000 else f"{line[:2_000]}…" for line in lines)


def summary_text(result: RunResult) -> str:
    """One line of figures."""
    return (
        f"makespan {_seconds(result.makespan_s)} · {result.tasks:,} tasks · {result.workers:,} workers · "
        f"{result.invocations:,} invocations · {result.cold_starts:,} cold, {result.warm_starts:,} warm starts · "
        f"{_size(result.bytes_moved)} moved · run {result.run}"
    )


def fault_text(fault: RuntimeFault) -> str:
    """What a person sees of a fault: one message, the error records of a failed run, a hint."""
    lines = [f"error[{fault.code}]: {fault.message}"]
    if isinstance(fault, RunFailed):
        for record in fault.records[:SHOWN_RECORDS]:
            lines.extend(_record_lines(record))
        if len(fault.records) > SHOWN_RECORDS:
            lines.append(f"… and {len(fault.records) - SHOWN_RECORDS} more failed tasks")
    if fault.hint:
        lines.append(f"  = help: {fault.hint}")
    return "\n".join(lines)


def fault_object(fault: RuntimeFault) -> dict[str, object]:
    """The `--json` object of a fault."""
    records = list(fault.records) if isinstance(fault, RunFailed) else []
    return {"error": {"code": fault.code, "message": fault.message, "hint": fault.hint, "records": records}}


def _record_lines(record: Mapping[str, object]) -> list[str]:
    place = f", manifest line {record['line']}" if record.get("line") else ""
    lines = [
        f"  task {record.get('task')} failed in attempt {record.get('attempt')} on worker {record.get('worker')}{place}"
    ]
    text = str(record.get("traceback") or f"{record.get('type')}: {record.get('message')}")
    lines.extend(f"    {line}" for line in text.splitlines())
    if record.get("hint"):
        lines.append(f"    help: {record['hint']}")
    return lines


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as err:  # noqa: BLE001  the value's own __repr__ is user code
        return f"<{type(value).__name__} whose repr fails: {type(err).__name__}>"


def _safe_pretty(value: object) -> str:
    try:
        return pprint.pformat(value, width=100, sort_dicts=False)
    except Exception:  # noqa: BLE001  as above
        return _safe_repr(value)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
