"""A trace as what this deployment would have measured: a timeline, and the history of its one run.

A trace says how long tasks took and what they read and wrote, not when they ran or what transfers took. They are laid
out as early as their inputs allow, on one worker that runs as many as there are; nothing is said of start-ups,
transfers and commits, and no makespan is remembered: where the trace was recorded these were another system's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from compiler.importers.manifest import Names
from compiler.importers.scales import Scales
from compiler.importers.trace import Trace, TraceTask, Wiring
from runtime.bundle import LoadedBundle
from runtime.history.gathering import history_of
from runtime.history.records import GraphHistory
from runtime.history.remembering import code_of
from runtime.measures.spans import CpuTime, InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.timeline import InvocationSpans, Timeline

IMPORTED = "imported"
UNKNOWN_TIME = 1.0
"""Of a trace without one: a beginning that is not "never"."""


def timeline_of(trace: Trace, wiring: Wiring, names: Names, scales: Scales, bundle: LoadedBundle) -> Timeline:
    """The recorded run, scaled, in the words of spans."""
    began = trace.executed_at or UNKNOWN_TIME
    run = f"{int(began * 1000)}_{bundle.name}_imported_{bundle.graph_signature}"
    ends = _ends(trace, wiring, scales)
    incoming: defaultdict[str, list[InputSpan]] = defaultdict(list)
    for one in wiring.transfers:
        slot = f"{names.tasks[one.producer]}.{names.outputs[one.producer][one.file]}"
        incoming[one.consumer].append(InputSpan(slot=slot, bytes=scales.size(one.bytes), source="store"))
    spans = []
    for task in trace.tasks:
        exec_s = task.runtime_s * scales.time
        span = TaskSpan(
            task=names.tasks[task.key],
            attempt=1,
            outcome="done",
            started_at=began + ends[task.key] - exec_s,
            exec_s=exec_s,
            cpu=CpuTime(used_s=exec_s if scales.how == "burn" else 0.0, delay_s=0.0),
            inputs=tuple(incoming[task.key]),
            outputs=_outputs(task, names, scales),
        )
        spans.append(span)
    last = began + max(ends.values())
    env = bundle.classes[0]
    start_up = StartUp(
        run=run,
        worker=IMPORTED,
        incarnation=IMPORTED,
        env_class=env.name,
        memory_mb=env.memory_mb,
        state="warm",
        invoke_time=began,
        start_time=began,
        ended_at=last,
    )
    return Timeline(
        run=run,
        workflow=bundle.name,
        planner=IMPORTED,
        sla="average",
        graph_signature=bundle.graph_signature,
        invoked_at=began,
        last_commit=last,
        invocations=(InvocationSpans(start_up=start_up, spans=tuple(spans), is_complete=True),),
    )


def _outputs(task: TraceTask, names: Names, scales: Scales) -> tuple[OutputSpan, ...]:
    outputs = names.outputs[task.key]
    return tuple(
        OutputSpan(name=outputs[file], bytes=scales.size(size), is_stored=True) for file, size in task.writes.items()
    )


def _ends(trace: Trace, wiring: Wiring, scales: Scales) -> dict[str, float]:
    """When each task ends that begins as early as it can, in seconds from the beginning."""
    tasks = {task.key: task for task in trace.tasks}
    before: defaultdict[str, set[str]] = defaultdict(set)
    for one in wiring.transfers:
        before[one.consumer].add(one.producer)
    for parent, child in wiring.controls:
        before[child].add(parent)
    ends: dict[str, float] = {}
    for key in wiring.order:
        start = max((ends[parent] for parent in before[key]), default=0.0)
        ends[key] = start + tasks[key].runtime_s * scales.time
    return ends


def history_of_trace(timeline: Timeline, bundle: LoadedBundle) -> GraphHistory:
    """What it adds to a history: executions and outputs alone."""
    graph = history_of(timeline, code_of(bundle), IMPORTED)
    return replace(graph, environments={env: replace(found, kinds={}) for env, found in graph.environments.items()})
