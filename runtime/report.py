"""How a finished or failed run is shown: as text for a person, as one object for `--json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from runtime.addresses import mask_passwords
from runtime.display import json_entry, pretty, tame
from runtime.errors import RunFailed, RuntimeFault
from runtime.given_inputs import InputProblem, InputsInvalid
from runtime.quantities import dollars, format_size
from runtime.results import RunResult
from runtime.runs.fulfilment import Fulfilment, fulfilment_object, fulfilment_of, fulfilment_text
from runtime.runs.summary import summarize
from runtime.runs.summary_views import summary_lines, summary_object

SHOWN_RECORDS = 5
SHOWN_STDERR_LINES = 12
SHOWN_TRACEBACK_LINES = 45
SHOWN_LINE_CHARS = 400


def result_object(result: RunResult) -> dict[str, object]:
    """The `--json` object. A value that JSON cannot hold is given by its repr under `…_repr`."""
    return {
        **json_entry("result" if result.result_kind == "result" else "outputs", result.result),
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
        "cost_usd": result.cost_usd,
        "failures": list(result.passed),
        "promise": None if (found := _fulfilment(result)) is None else fulfilment_object(found),
        "summary": None if result.timeline is None else summary_object(summarize(result.timeline)),
    }


def result_text(result: RunResult) -> str:
    """The value, cut to a screen."""
    return pretty(result.result)


def summary_text(result: RunResult) -> str:
    """One line of figures."""
    figures = (
        f"makespan {_seconds(result.makespan_s)}",
        _count(result.tasks, "task"),
        _count(result.workers, "worker"),
        _count(result.invocations, "invocation"),
        f"{result.cold_starts:,} cold, {result.warm_starts:,} warm starts",
        f"{format_size(result.bytes_moved)} moved",
        *_cost(result),
        f"run {result.run}",
    )
    return " · ".join((*figures[:-1], *_passed(result), figures[-1]))


def time_text(result: RunResult) -> str:
    """What was promised, then where the time went, some lines; none of a result that has no timeline."""
    if result.timeline is None:
        return ""
    found = _fulfilment(result)
    promised = () if found is None else (f"promised {fulfilment_text(found)}",)
    return "\n".join((*promised, *summary_lines(summarize(result.timeline), found)))


def _fulfilment(result: RunResult) -> Fulfilment | None:
    return fulfilment_of(result.promise, result.timeline, is_success=True)


def _cost(result: RunResult) -> Iterator[str]:
    if result.cost_usd is not None:
        yield f"{dollars(result.cost_usd)} on Lambda"


def _passed(result: RunResult) -> Iterator[str]:
    if result.passed:
        yield passed_text(result.passed).partition("\n")[0]


def passed_text(records: Sequence[Mapping[str, object]]) -> str:
    """The failures that `on_error` let pass, in full."""
    verb = "was" if len(records) == 1 else "were"
    lines = [f"{_count(len(records), 'task')} failed and {verb} let pass (on_error)"]
    for record in records[:SHOWN_RECORDS]:
        lines.extend(_record_lines(record))
    if len(records) > SHOWN_RECORDS:
        lines.append(f"… and {len(records) - SHOWN_RECORDS} more")
    return "\n".join(lines)


def fault_text(fault: RuntimeFault) -> str:
    """What a person sees of a fault: one message, the error records of a failed run, a hint; no password in a URL."""
    if isinstance(fault, InputsInvalid):
        return "\n".join([_problem_text(problem) for problem in fault.problems])
    lines = [f"error[{fault.code}]: {mask_passwords(fault.message)}"]
    if isinstance(fault, RunFailed):
        for record in fault.records[:SHOWN_RECORDS]:
            lines.extend(_record_lines(record))
        if len(fault.records) > SHOWN_RECORDS:
            lines.append(f"… and {len(fault.records) - SHOWN_RECORDS} more failed tasks")
    if fault.hint:
        lines.append(f"  = help: {mask_passwords(fault.hint)}")
    return "\n".join(lines)


def _problem_text(problem: InputProblem) -> str:
    hint = f"\n  = help: {problem.hint}" if problem.hint else ""
    return f"error[{problem.code}]: {problem.message}{hint}"


def fault_object(fault: RuntimeFault) -> dict[str, object]:
    """The `--json` object of a fault."""
    records = list(fault.records) if isinstance(fault, RunFailed) else []
    message, hint = mask_passwords(fault.message), mask_passwords(fault.hint)
    return {"error": {"code": fault.code, "message": message, "hint": hint, "records": records}}


def _record_lines(record: Mapping[str, object]) -> list[str]:
    place = f", {record.get('file') or 'manifest'} line {record['line']}" if record.get("line") else ""
    of_all = f" of {record['attempts']}" if record.get("attempts") else ""
    attempt = f"attempt {record.get('attempt')}{of_all}"
    lines = [f"  task {record.get('task')} failed in {attempt} on worker {record.get('worker')}{place}"]
    text = str(record.get("traceback") or f"{record.get('type')}: {record.get('message')}")
    lines.extend(f"    {line}" for line in _screenful(text.splitlines()))
    if record.get("stderr"):
        lines.append("    its error output ends with")
        lines.extend(f"      {tame(line)}" for line in str(record["stderr"]).splitlines()[-SHOWN_STDERR_LINES:])
    if record.get("hint"):
        lines.append(f"    help: {record['hint']}")
    return [*lines, *_earlier_lines(record.get("earlier"))]


def _earlier_lines(earlier: object) -> Iterator[str]:
    """The attempts before, those that ended alike on one line."""
    groups = groupby(earlier if isinstance(earlier, list) else (), key=lambda one: (one["type"], one["message"]))
    for (kind, message), group in groups:
        numbers = [one["attempt"] for one in group]
        which = f"attempt {numbers[0]}" if len(numbers) == 1 else f"attempts {numbers[0]} to {numbers[-1]}"
        first, *more = message.splitlines() or [""]
        yield f"    {which} before: {kind}{first and ': '}{tame(first)}{' …' if more else ''}"


def _screenful(lines: list[str]) -> Iterator[str]:
    """Few lines as they are; of many the head, and the tail, where the error stands. Long lines are cut."""
    left_out = len(lines) - SHOWN_TRACEBACK_LINES
    if left_out > 1:
        middle = SHOWN_TRACEBACK_LINES // 3
        lines = [*lines[:middle], f"… {left_out} lines left out …", *lines[middle + left_out :]]
    for line in lines:
        cut = len(line) - SHOWN_LINE_CHARS
        yield tame(line) if cut <= 0 else f"{tame(line[:SHOWN_LINE_CHARS])} … {cut:,} characters left out"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
