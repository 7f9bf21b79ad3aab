"""A trace as a manifest with its functions: each task takes its recorded time, each file is an output and an edge.

Every program of the trace becomes a function of its own, so that a history knows them apart, and those of other traces,
too: what they take is said by the trace, not by their code, which is the same everywhere. Times and sizes stand in
the manifest as they were recorded; the params `time_scale` and `bytes_scale` say what is made of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from compiler.importers.naming import identifiers, workflow_name
from compiler.importers.scales import Scales
from compiler.importers.timeouts import Timeouts
from compiler.importers.trace import FileKey, Trace, TraceTask, Wiring
from runtime.quantities import format_duration

FUNCTIONS_HEAD = '''\
"""The programs of a recorded run: each takes as long as it took, reads what it read, and writes as many bytes.

`how` is sleep, or burn for work on the CPU. What a task read from outside of the workflow it reads from memory. `trace`
tells programs of one recorded run from those of another, whose history is not theirs.
"""

import time

BUFFER = memoryview(bytes(1 << 20))


def work(seconds, reads, writes, files, how):
    """`reads` bytes come from outside, `files` from other tasks; returns `writes`: bytes by name, None for none."""
    until = time.perf_counter() + seconds
    cpu_until = time.thread_time() + seconds
    for file in files:
        memoryview(file).tobytes()
    for at in range(0, reads, len(BUFFER)):
        bytes(BUFFER[: reads - at])
    written = {name: bytes(size) for name, size in writes.items()}
    if how == "burn":
        while time.thread_time() < cpu_until:
            sum(range(1000))
    else:
        time.sleep(max(0.0, until - time.perf_counter()))
    return written or None
'''
FUNCTION = '''

def {function}(seconds, reads, writes, files, how, trace="{trace}"):
    """{program}"""
    return work(seconds, reads, writes, files, how)
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is called what: tasks by key, functions by category, outputs by task and file."""

    tasks: Mapping[str, str]
    functions: Mapping[str, str]
    outputs: Mapping[str, Mapping[FileKey, str]]

    @classmethod
    def of(cls, trace: Trace) -> Names:
        keys = [task.key for task in trace.tasks]
        categories = list(dict.fromkeys(task.category for task in trace.tasks))
        tasks = identifiers(task.name for task in trace.tasks)
        functions = identifiers(categories, taken=("time", "work", "bytes", "memoryview", "range", "sum", "max"))
        return cls(
            tasks=dict(zip(keys, tasks, strict=True)),
            functions=dict(zip(categories, functions, strict=True)),
            outputs={
                task.key: dict(zip(task.writes, identifiers(name for _, name in task.writes), strict=True))
                for task in trace.tasks
            },
        )


def functions_text(trace: Trace, names: Names) -> str:
    """The module of functions."""
    digest = _digest(trace)
    made = [
        FUNCTION.format(function=function, program=_one_line(category), trace=digest)
        for category, function in names.functions.items()
    ]
    return FUNCTIONS_HEAD + "".join(made)


def _digest(trace: Trace) -> str:
    """Of what ran, and how long."""
    ran = [(task.key, task.category, task.runtime_s) for task in trace.tasks]
    return sha256(repr((trace.name, ran)).encode()).hexdigest()[:16]


def manifest_text(trace: Trace, wiring: Wiring, names: Names, scales: Scales, *, source: str) -> str:
    """The manifest. `source` is where the trace came from, for its first line."""
    return (
        "\n".join(
            [*_head(trace, scales, source), *_tasks(trace, wiring, names, scales), *_outputs(trace, wiring, names)]
        )
        + "\n"
    )


def _head(trace: Trace, scales: Scales, source: str) -> Iterator[str]:
    yield f"# Imported from {_one_line(source)}, a recorded run of {_one_line(trace.name)}."
    yield "#"
    yield "#   treadle run workflow.yaml --set time_scale=0.01 --set bytes_scale=0.001"
    yield "spec: 1"
    yield f"name: {workflow_name(trace.name)}"
    yield "params:"
    yield f"  time_scale: {{type: float, default: {scales.time!r}, min: 0, description: recorded seconds times this}}"
    yield f"  bytes_scale: {{type: float, default: {scales.bytes!r}, min: 0, description: recorded bytes times this}}"
    yield f"  how: {{type: str, default: {scales.how}, enum: [sleep, burn], description: what a task does in its time}}"
    yield "tasks:"


def _tasks(trace: Trace, wiring: Wiring, names: Names, scales: Scales) -> Iterator[str]:
    files: defaultdict[str, list[str]] = defaultdict(list)
    after: defaultdict[str, list[str]] = defaultdict(list)
    for one in wiring.transfers:
        output = names.outputs[one.producer][one.file]
        files[one.consumer].append(f"${{{{ tasks.{names.tasks[one.producer]}.{output} }}}}")
    for parent, child in wiring.controls:
        after[child].append(names.tasks[parent])
    timeouts = Timeouts.of(trace, scales).by_category
    for task in trace.tasks:
        yield f"  {names.tasks[task.key]}:  # {_one_line(task.name)}"
        yield f"    call: functions:{names.functions[task.category]}"
        if task.category in timeouts:
            yield f"    timeout: {format_duration(timeouts[task.category])}"
        if task.key in after:
            yield f"    after: [{', '.join(after[task.key])}]"
        yield from _arguments(task, wiring, names, files[task.key])


def _arguments(task: TraceTask, wiring: Wiring, names: Names, files: list[str]) -> Iterator[str]:
    outside = sum(wiring.outside.get(task.key, {}).values())
    outputs = names.outputs[task.key]
    if outputs:
        yield f"    outputs: [{', '.join(outputs.values())}]"
    yield "    with:"
    yield f"      seconds: ${{{{ {task.runtime_s!r} * params.time_scale }}}}"
    yield f"      reads: ${{{{ int({outside} * params.bytes_scale) }}}}" + _listed(wiring.outside.get(task.key, {}))
    yield "      writes:" + ("" if outputs else " {}")
    for file, name in outputs.items():
        yield f"        {name}: ${{{{ int({task.writes[file]} * params.bytes_scale) }}}}  # {_one_line(_shown(file))}"
    yield "      files:" + ("" if files else " []")
    yield from (f"        - {reference}" for reference in files)
    yield "      how: ${{ params.how }}"


def _outputs(trace: Trace, wiring: Wiring, names: Names) -> Iterator[str]:
    """What the run was for: files that nobody reads, and tasks without any that nobody waits for."""
    read = {(one.producer, one.file) for one in wiring.transfers}
    awaited = {parent for parent, _ in wiring.controls}
    left: list[tuple[str, str]] = []
    for task in trace.tasks:
        name = names.tasks[task.key]
        outputs = names.outputs[task.key]
        left += [(file[1], f"{name}.{outputs[file]}") for file in task.writes if (task.key, file) not in read]
        if not task.writes and task.key not in awaited:
            left.append((name, name))
    if left:
        yield "outputs:"
    for name, (_, reference) in zip(identifiers(name for name, _ in left), left, strict=True):
        yield f"  {name}: ${{{{ tasks.{reference} }}}}"


def _listed(files: Mapping[FileKey, int]) -> str:
    shown = ", ".join(_shown(file) for file in list(files)[:3])
    more = f" and {len(files) - 3:,} more" if len(files) > 3 else ""
    return f"  # {_one_line(shown)}{more}" if files else ""


def _shown(file: FileKey) -> str:
    return "/".join(part for part in file if part)


def _one_line(text: str) -> str:
    """Fit for a comment or a docstring: printable, without an end of line, a quote or a backslash."""
    plain = "".join(one if one.isprintable() else " " for one in text).replace('"', "'").replace("\\", "/")
    return plain if len(plain) <= 120 else plain[:119] + "…"
