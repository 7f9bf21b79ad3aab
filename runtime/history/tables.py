"""A history as people and programs see it: the list of graphs, one graph by task, one task in full. Pure.

What nobody has measured is `?` in a table and null in an object, never 0.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runtime.history.records import EnvironmentHistory, FamilyHistory, GraphHistory
from runtime.history.relation import Relation
from runtime.history.sketch import Sketch
from runtime.links import NO_LINK
from runtime.quantities import counted, format_size, seconds_text

PARTS = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
SHORT = 8
SHOWN_TASKS = 40
UNKNOWN = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One line of a graph's table. `is_current`: None when there is no manifest to compare the code with."""

    task: str
    env: str
    family: FamilyHistory
    is_current: bool | None = None


def graph_lines(graphs: Sequence[GraphHistory], sizes: Mapping[str, int]) -> Iterator[str]:
    """A head and a line for each graph; `sizes` in bytes, by signature."""
    rows = [("WORKFLOW", "GRAPH", "RUNS", "TASKS", "MAKESPAN", "P90", "SIZE", "LAST")]
    for graph in graphs:
        p50, p90, _ = _texts(_makespans(graph))
        size = format_size(sizes.get(graph.signature, 0))
        tasks = len({task for task, _ in graph.families})
        counts = f"{graph.run_count:,}", f"{tasks:,}"
        rows.append((graph.workflow, graph.signature[:SHORT], *counts, p50, p90, size, _when(graph.seen_at)))
    yield from _aligned(rows, left={0, 1, 7})


def graph_object(graph: GraphHistory, size: int) -> dict[str, object]:
    """The `--json` object of a graph in the list."""
    return {
        "workflow": graph.workflow,
        "signature": graph.signature,
        "runs": graph.run_count,
        "states": dict(graph.states),
        "tasks": len({task for task, _ in graph.families}),
        "makespans": [
            {"planner": planner, "sla": sla, "link": link, "seconds": sketch_object(sketch)}
            for (planner, sla, link), sketch in graph.makespans.items()
        ],
        "bytes": size,
        "seen": graph.seen_at,
    }


def head_lines(graph: GraphHistory, size: int) -> Iterator[str]:
    """What a graph's runs have in common."""
    states = ", ".join(f"{count:,} {state}" for state, count in graph.states.items())
    yield f"{graph.workflow}  graph {graph.signature}"
    yield f"  runs      {graph.run_count:,} ({states}), the last {_when(graph.seen_at)}; {format_size(size)}"
    for (planner, sla, link), sketch in graph.makespans.items():
        over = "" if link == NO_LINK else f", over {link}"
        yield f"  makespan  {_spread(sketch)}  ({planner}, {sla}{over}: {counted(sketch.count, 'run')})"


def task_lines(tasks: Sequence[Task]) -> Iterator[str]:
    """A head and a line for each task in each class of environments, those first that took most in all."""
    shown = sorted(tasks, key=_weight)[:SHOWN_TASKS]
    has_marks = any(row.is_current is not None for row in shown)
    head = ("TASK", "ENVIRONMENT", "SAMPLES", "P50", "P90", "P99", "IN", "OUT", "FAILED", "CODE")
    rows = [head if has_marks else head[:-1]]
    for row in shown:
        mark = ("current" if row.is_current else "changed",) if has_marks else ()
        rows.append((row.task, row.env, *_figures(row.family), *mark))
    yield from _aligned(rows, left={0, 1, 9})
    if left := len(tasks) - len(shown):
        yield f"… and {left:,} that took less; name a task to see it"


def _weight(row: Task) -> tuple[float, str, str]:
    """What took most in all comes first."""
    family = row.family
    return -(family.execs.whole().total + family.first_execs.whole().total), row.task, row.env


def _figures(family: FamilyHistory) -> tuple[str, ...]:
    inputs = [sample.input_bytes for run in family.recent for sample in run.samples]
    outputs = [sample.output_bytes for run in family.recent for sample in run.samples]
    failed = family.failed.count + family.cut.count
    return (
        f"{family.count:,}",
        *_texts(times(family).whole()),
        _median_size(inputs),
        _median_size(outputs),
        f"{failed:,}" if failed else "",
    )


def times(family: FamilyHistory) -> Relation:
    """Its ordinary executions; those in new environments where there are no others."""
    return family.execs if family.execs.count else family.first_execs


def environment_lines(environments: Mapping[str, EnvironmentHistory]) -> Iterator[str]:
    """A head and a line for each kind of time in each class of environments."""
    rows: list[tuple[str, ...]] = [("ENVIRONMENT", "KIND", "SAMPLES", "P50", "P90", "P99")]
    for env, environment in environments.items():
        for kind, relation in environment.kinds.items():
            rows.append((env, kind, f"{relation.count:,}", *_texts(relation.whole())))
    if len(rows) > 1:
        yield from _aligned(rows, left={0, 1})


def family_lines(row: Task) -> Iterator[str]:
    """One task in one class of environments, in full."""
    family = row.family
    yield f"{row.task} in {row.env}"
    mark = {None: "", True: ", current", False: ", not the code of this manifest"}[row.is_current]
    yield f"  function   {family.fingerprint[:16]}{mark}; last seen {_when(family.seen_at)}"
    yield f"  executed   {_spread(family.execs.whole())}  ({counted(family.execs.count, 'sample')})"
    for label, sketch in (("first", family.first_execs.whole()), ("failed", family.failed), ("cut", family.cut)):
        if sketch.count:
            of = " in a new environment" if label == "first" else ""
            yield f"  {label:<9}  {_spread(sketch)}  ({counted(sketch.count, 'sample')}{of})"
    if family.skipped:
        yield f"  skipped    {family.skipped:,} times"
    if fit := family.execs.sums.fit():
        power = f"time goes with input bytes to the power of {fit.power:.2f}"
        yield f"  relation   {power}, within a factor of {2**fit.spread:.2f}"
    yield from _sizes(family)


def _sizes(family: FamilyHistory) -> Iterator[str]:
    """By input bytes: executions, and output bytes of each output."""
    names = list(family.outputs)
    heads = [f"OUT {name}".rstrip() for name in names]
    rows = [("INPUT", "SAMPLES", "P50", "P90", "P99", *heads)]
    for bucket, sketch in times(family).buckets.items():
        outs = [_bytes(family.outputs[name].buckets.get(bucket, Sketch())) for name in names]
        rows.append((_range(bucket), f"{sketch.count:,}", *_texts(sketch), *outs))
    for line in _aligned(rows, left={0}):
        yield f"  {line}"


def task_object(row: Task) -> dict[str, object]:
    """The `--json` object of a task in one class of environments."""
    family = row.family
    fit = family.execs.sums.fit()
    return {
        "task": row.task,
        "environment": row.env,
        "fingerprint": family.fingerprint,
        "is_current": row.is_current,
        "samples": family.count,
        "exec_s": sketch_object(family.execs.whole()),
        "first_exec_s": sketch_object(family.first_execs.whole()),
        "failed_s": sketch_object(family.failed),
        "cut_s": sketch_object(family.cut),
        "skipped": family.skipped,
        "by_input_bytes": [
            {"below": 4**bucket, "seconds": sketch_object(sketch)} for bucket, sketch in family.execs.buckets.items()
        ],
        "power": None if fit is None else fit.power,
        "output_bytes": {name: sketch_object(relation.whole()) for name, relation in family.outputs.items()},
        "seen": family.seen_at,
    }


def environment_object(env: str, environment: EnvironmentHistory) -> dict[str, object]:
    """The `--json` object of a class of environments."""
    return {
        "environment": env,
        "memory_mb": environment.memory_mb,
        "exponent": environment.exponent,
        "link": environment.link,
        "peak_memory_mb": sketch_object(environment.peak_memory_mb),
        "seconds": {kind: sketch_object(relation.whole()) for kind, relation in environment.kinds.items()},
        "seen": environment.seen_at,
    }


def sketch_object(sketch: Sketch) -> dict[str, object] | None:
    """Counts and quantiles; None of nothing."""
    if not sketch.count:
        return None
    quantiles = dict(zip(PARTS, sketch.quantiles(PARTS.values()), strict=True))
    ends = {"min": sketch.minimum, "max": sketch.maximum, "mean": sketch.mean}
    return {"count": sketch.count, **quantiles, **ends}


def _makespans(graph: GraphHistory) -> Sketch:
    """Of the planner, SLA and link that most runs had."""
    return max(graph.makespans.values(), key=lambda sketch: sketch.count, default=Sketch())


def _texts(sketch: Sketch) -> tuple[str, ...]:
    if not sketch.count:
        return (UNKNOWN,) * len(PARTS)
    return tuple(map(seconds_text, sketch.quantiles(PARTS.values())))


def _spread(sketch: Sketch) -> str:
    return "  ".join(f"{name} {text}" for name, text in zip(PARTS, _texts(sketch), strict=True))


def _bytes(sketch: Sketch) -> str:
    return format_size(round(sketch.quantile(0.5))) if sketch.count else UNKNOWN


def _median_size(sizes: list[int]) -> str:
    return format_size(sorted(sizes)[len(sizes) // 2]) if sizes else UNKNOWN


def _range(bucket: int) -> str:
    return f"below {format_size(4**bucket)}" if bucket else "none"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _aligned(rows: Sequence[tuple[str, ...]], *, left: set[int]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
