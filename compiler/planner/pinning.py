"""What the tasks pinned to one worker say together, and whether the worker is declared.

A worker has one class: its tasks agree on memory and architecture as far as they state them, while `tmp` and `cpu`
take the largest. A size declared in `workers:` settles the class, and then must hold every task of the worker:
different minima below it are no conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.graph.merge import TaskSource
from compiler.graph.model import Graph
from compiler.manifest.model import Resources
from compiler.planner.declared import declared_sizes
from compiler.suggest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Instances of one task that one worker gets with the same resources. `instance` is the first of `count`."""

    worker: str
    resources: Resources
    task: str
    span: Span
    instance: str
    count: int


def check_pins(graph: Graph, sources: Mapping[str, TaskSource]) -> list[Diagnostic]:
    """E503 and E510 at the tasks' `worker:`, those of one place counted together."""
    declared = declared_sizes(graph.manifest) if graph.manifest.workers is not None else None
    earlier: dict[str, list[Pin]] = {}
    found: dict[tuple[str, Span], Diagnostic] = {}
    for pin in sorted(_pins(graph, sources), key=lambda pin: pin.span):
        diagnostic = _check(pin, earlier.setdefault(pin.worker, []), declared)
        earlier[pin.worker].append(pin)
        if diagnostic is not None:
            key = (diagnostic.code, pin.span)
            known = found.get(key)
            more = pin.count - 1 if known is None else known.more + pin.count
            found[key] = replace(known or diagnostic, more=more)
    return list(found.values())


def _pins(graph: Graph, sources: Mapping[str, TaskSource]) -> Iterator[Pin]:
    counts: dict[tuple[int, int], list[int]] = {}
    for instance, (family, option) in enumerate(zip(graph.family_of, graph.options, strict=True)):
        if graph.option_table[option].worker is not None:
            counts.setdefault((family, option), []).append(instance)
    for (family, option), instances in counts.items():
        options, task = graph.option_table[option], graph.families[family].task
        source = sources.get(task)
        if source is None or source.task.worker is None or options.worker is None:
            continue
        yield Pin(
            worker=options.worker,
            resources=options.resources,
            task=task,
            span=source.task.worker.span,
            instance=graph.name_of(instances[0]),
            count=len(instances),
        )


def _check(pin: Pin, earlier: list[Pin], declared: Mapping[str, Resources] | None) -> Diagnostic | None:
    if declared is not None and pin.worker not in declared:
        return Diagnostic(
            code="E510",
            message=f"there is no worker `{pin.worker}` in `workers:`",
            span=pin.span,
            instance=pin.instance,
            hint=did_you_mean(pin.worker, declared),
        )
    size = declared[pin.worker] if declared is not None else Resources()
    trouble = _against_size(pin, size)
    if trouble:
        return Diagnostic(code="E503", message=trouble, span=pin.span, instance=pin.instance, hint=_DECLARED_HINT)
    for other in earlier:
        trouble = _against_task(pin, other, size)
        if trouble:
            related = (Related(span=other.span, message=f"`{other.task}` is pinned here"),)
            hint = "state the same resources, or pin the tasks to different workers"
            return Diagnostic(
                code="E503", message=trouble, span=pin.span, instance=pin.instance, hint=hint, related=related
            )
    return None


_DECLARED_HINT = "declare a size in `workers:` that holds every task of the worker"


def _against_size(pin: Pin, size: Resources) -> str:
    """What is wrong between a task and the declared size of its worker; "" for nothing."""
    memory, stated = size.memory_min_mb, pin.resources
    if memory is not None and stated.memory_min_mb is not None and stated.memory_min_mb > memory:
        return f"`{pin.worker}` is declared with {memory} MiB, `{pin.task}` needs {stated.memory_min_mb} MiB"
    if memory is not None and stated.memory_max_mb is not None and stated.memory_max_mb < memory:
        return f"`{pin.worker}` is declared with {memory} MiB, `{pin.task}` allows {stated.memory_max_mb} MiB"
    if size.arch and stated.arch and size.arch != stated.arch:
        return f"`{pin.worker}` is declared with {size.arch}, `{pin.task}` states {stated.arch}"
    return ""


def _against_task(pin: Pin, other: Pin, size: Resources) -> str:
    """What is wrong between two tasks of one worker; "" for nothing."""
    mine, its = pin.resources, other.resources
    if size.memory_min_mb is None and _memory(mine) and _memory(its) and _memory(mine) != _memory(its):
        return f"`{pin.worker}` gets two sizes: {_memory(its)} for `{other.task}`, {_memory(mine)} for `{pin.task}`"
    if mine.arch and its.arch and mine.arch != its.arch:
        return f"`{pin.worker}` gets two architectures: {its.arch} for `{other.task}`, {mine.arch} for `{pin.task}`"
    return ""


def _memory(resources: Resources) -> str:
    """The stated memory as a text, "" when none is stated."""
    least, most = resources.memory_min_mb, resources.memory_max_mb
    if least is None and most is None:
        return ""
    if most is None:
        return f"{least} MiB"
    return f"at most {most} MiB" if least is None else f"{least} to {most} MiB"
