"""The outlook of a plan as people see it: makespan, cost, starts, the critical path, and each task's predictions.

What nobody knows is a question mark, never a zero. Pure: how a plan comes by its outlook is the business of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.cli.console import BOLD, Console
from compiler.cli.prospects import UNKNOWN, objective
from compiler.cli.tables import table
from compiler.manifest.model import Sla
from compiler.planner.cost import transitions_cost
from compiler.planner.forecast import FamilyForecast, Range, high_percentile
from compiler.planner.problem import Problem
from compiler.planning import Planned
from compiler.rendering.text import printable, wrap
from runtime.critical_path import CriticalPath, Step
from runtime.moments import Part
from runtime.quantities import counted, dollars, format_size, seconds_text
from runtime.runs.summary_views import NAMES

if TYPE_CHECKING:
    from compiler.planner.outlook import Outlook

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
"""Those that are always shown; the objective's joins them."""

LABEL = 13
BAR = 24
BLOCK = "█"
BEFORE_BAR = 42
BEFORE_STRETCH = 13
HINT = "hint"
SHOWN_STRETCHES = 12
SHOWN_TASKS = 20

STARTS = {Part.START_UP_COLD: "cold start", Part.START_UP_WARM: "warm start"}


def is_known(planned: Planned) -> bool:
    """Whether there is something to predict from: every task has run, or the planner itself rested on predictions."""
    return planned.is_predicted or (planned.bears() and planned.problem.predictions.samples > 0)


def percentile_names(sla: Sla) -> list[str]:
    """`mean`, `p50` and so on: what is shown of a makespan, the objective's percentile among them."""
    return ["mean", *(f"p{one:g}" for one in _percentiles(sla))]


def statistics(problem: Problem, outlook: Outlook) -> dict[str, float]:
    """The mean and the percentiles of the makespan by name, in seconds."""
    percentiles = _percentiles(problem.objective)
    return {"mean": outlook.mean, **{f"p{one:g}": outlook.quantile(one) for one in percentiles}}


def _percentiles(sla: Sla) -> list[float]:
    return sorted({*PERCENTILES, *(() if sla.percentile is None else (sla.percentile,))})


def outlook_lines(problem: Problem, outlook: Outlook, console: Console) -> Iterator[str]:
    """What the whole run is expected to take."""
    wanted = objective(problem.objective)
    wanted = "mean" if wanted == "average" else wanted
    makespan = [
        console.paint(f"[{name} {seconds_text(seconds)}]", BOLD)
        if name == wanted
        else f"{name} {seconds_text(seconds)}"
        for name, seconds in statistics(problem, outlook).items()
    ]
    cost, profile, tasks = outlook.cost, problem.profile, len(problem.graph)
    yield _row("makespan", "  ".join(makespan))
    yield _row(
        "cost", f"{dollars(cost.usd)}  ({cost.gb_s:,.4g} GB-s, {counted(cost.requests, 'request')}; {profile.date})"
    )
    machine = dollars(transitions_cost(tasks, profile))
    yield _row("", f"Step Functions would take {machine} for {counted(tasks, 'transition')} alone")
    starts = f"{counted(outlook.workers, 'worker')}, {outlook.cold:,} cold, {outlook.warm:,} warm"
    yield _row("starts", starts + _waiting(outlook))
    yield _row("bytes moved", format_size(outlook.bytes_moved))
    yield _row("rests on", basis(problem, outlook))


def _waiting(outlook: Outlook) -> str:
    """What the kept service has for the run."""
    if not outlook.waiting:
        return ""
    return f"; {counted(outlook.waiting, 'environment')} of the kept service {_verb(outlook.waiting)} warm"


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def basis(problem: Problem, outlook: Outlook) -> str:
    """What the figures rest on, in words."""
    runs = problem.predictions.runs
    if outlook.samples:
        return f"{counted(outlook.samples, 'sample')} of each function at least, {counted(runs, 'run')}"
    if runs:
        return f"{counted(runs, 'run')}; for tasks that have never run on hints and defaults"
    return "hints and defaults: nothing of this has run so far"


def path_lines(path: CriticalPath, makespan_s: float, console: Console) -> Iterator[str]:
    """Where the time of the critical path goes, and the stretches that it takes on one worker after another."""
    width, block = console.width, BLOCK if console.can_show(BLOCK) else "#"
    for part, name in NAMES.items():
        if seconds := path.seconds.get(part, 0.0):
            share = seconds / makespan_s
            bar = block * round(min(BAR, max(0, width - BEFORE_BAR)) * share)
            yield f"  {name:<20}  {seconds_text(seconds):>9}  {100 * share:>3.0f} %  {bar}".rstrip()
    found = stretches(path)
    for one in found[:SHOWN_STRETCHES]:
        first, *rest = wrap(_stretch_text(one), max(20, width - BEFORE_STRETCH))
        yield f"  {seconds_text(one.start_s):>9}  {first}"
        yield from (" " * BEFORE_STRETCH + row for row in rest)
    if (left := len(found) - SHOWN_STRETCHES) > 0:
        yield f"  … and {left:,} more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the critical path on one worker ("" for what the launcher does before). `start_s` from the begin."""

    worker: str
    start_s: float
    steps: tuple[Step, ...]


def stretches(path: CriticalPath) -> list[Stretch]:
    found: list[Stretch] = []
    group: list[Step] = []
    for step in (*path.steps, None):
        if group and (step is None or step.worker != group[0].worker):
            start_s = group[0].start - path.steps[0].start
            found.append(Stretch(worker=group[0].worker, start_s=start_s, steps=tuple(group)))
            group = []
        if step is not None:
            group.append(step)
    return found


def _stretch_text(stretch: Stretch) -> str:
    """`w6  add[7][3]: cold start 300 ms, execution 100 ms`, what takes no time left out."""
    seconds: dict[Part, float] = {}
    for step in stretch.steps:
        seconds[step.part] = seconds.get(step.part, 0.0) + step.seconds
    parts = [f"{STARTS.get(part, NAMES[part])} {seconds_text(took)}" for part, took in seconds.items() if took]
    ran = list(dict.fromkeys(step.task for step in stretch.steps if step.part is Part.EXECUTION))
    tasks = ", ".join(ran) if len(ran) < 3 else f"{ran[0]} .. {ran[-1]} ({len(ran):,} tasks)"
    where = f"{stretch.worker}  {tasks}".rstrip() if stretch.worker else "launcher"
    return f"{printable(where)}: {', '.join(parts)}"


def forecast_lines(
    problem: Problem, forecasts: Sequence[FamilyForecast], width: int, *, shown: int | None = SHOWN_TASKS
) -> Iterator[str]:
    """A table with a row for each family: `shown` of them, None for all."""
    high = f"p{high_percentile(problem.objective):g}".upper()
    head = ("TASK", "N", "MB", "P50", high, "IN", "OUT", "FROM")
    kept = forecasts if shown is None else forecasts[:shown]
    for line in table([head, *map(_forecast_row, kept)], width - 2, left=(0, 7)):
        yield f"  {line}"
    if left := len(forecasts) - len(kept):
        yield f"  … and {left:,} more"


def _forecast_row(one: FamilyForecast) -> tuple[str, ...]:
    return (
        printable(one.task),
        f"{one.instances:,}",
        _span(one.memory_mb, lambda mb: f"{mb:.0f}"),
        _span(one.median_s, seconds_text),
        _span(one.high_s, seconds_text),
        _span(one.input_bytes, _bytes),
        _span(one.output_bytes, _bytes),
        _sources(one),
    )


def _sources(one: FamilyForecast) -> str:
    if one.source == one.size_source:
        return one.source
    if one.source[:1].isdigit() and one.size_source[:1].isdigit():
        return f"{one.source}, {HINT}" if HINT in one.size_source else one.source
    return f"{one.source}; bytes: {one.size_source}"


def _span(values: Range | None, text: Callable[[float], str]) -> str:
    """`100 ms`, or `90..120 ms` where instances differ; `?` where nobody knows."""
    if values is None:
        return UNKNOWN
    least, most = text(values.least), text(values.most)
    return most if least == most else f"{least}..{most}"


def _bytes(count: float) -> str:
    return format_size(count).replace("iB", "").replace(" ", "") if count else "0"


def _row(label: str, text: str) -> str:
    return f"  {label:<{LABEL}}{text}"
