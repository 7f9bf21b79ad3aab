"""What the tasks pinned to one worker say together, and whether the worker is declared.

A worker has one class: its tasks agree on memory and architecture as far as they state them, while `tmp` and `cpu`
take the largest. A size declared in `workers:` settles the class, and then must hold every task of the worker:
different minima below it are no conflict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Related, Span
from compiler.graph.merge import TaskSource
from compiler.graph.model import Graph
from compiler.manifest.model import Resources
from compiler.planner.declared import workers_of
from compiler.suggest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Instances of one task that one worker gets with the same resources. `instance` is the first of `count`.

    `declared` are the workers that the task's own manifest declares, None without a `workers:` section.
    """

    worker: str
    resources: Resources
    task: str
    span: Span
    instance: str
    count: int
    declared: Collection[str] | None


def check_pins(graph: Graph, sources: Mapping[str, TaskSource]) -> list[Diagnostic]:
    """E503 and E510 at the tasks' `worker:`, those of one place counted together.

    Tasks that disagree with each other, rather than with a declared size, are one mistake for each worker: which of
    them is the wrong one is not known.
    """
    declared = workers_of(graph)
    earlier: dict[str, dict[tuple[str, str | None], Pin]] = {}
    at_odds: set[str] = set()
    found: dict[tuple[str, Span], Diagnostic] = {}
    for pin in sorted(_pins(graph, sources), key=_by_place):
        if len(found) >= MAX_MISTAKES:
            break
        before = earlier.setdefault(pin.worker, {})
        size = declared.get(pin.worker, Resources())
        diagnostic = _undeclared(pin) or _against_size(pin, size)
        if diagnostic is None and pin.worker not in at_odds:
            diagnostic = _against_tasks(pin, before.values(), size)
            at_odds |= {pin.worker} if diagnostic is not None else set()
            before.setdefault(_stated(pin, size), pin)
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
        workers = (graph.families[family].manifest or graph.manifest).workers
        source = sources.get(task)
        if source is None or source.task.worker is None or options.worker is None:
            continue
        yield Pin(
            worker=options.worker,
            resources=options.resources,
            task=task,
            span=source.task.worker.span,
            instance=graph.name_of(instances[0]) if graph.keys[instances[0]] else "",
            count=len(instances),
            declared=workers,
        )


def _by_place(pin: Pin) -> tuple[str, int, int]:
    return pin.span.file, pin.span.start.line, pin.span.start.column


def _undeclared(pin: Pin) -> Diagnostic | None:
    declared = pin.declared
    if declared is None or pin.worker in declared:
        return None
    return Diagnostic(
        code="E510",
        message=f"there is no worker `{pin.worker}` in `workers:`",
        span=pin.span,
        instance=pin.instance,
        hint=did_you_mean(pin.worker, declared),
    )


def _against_size(pin: Pin, size: Resources) -> Diagnostic | None:
    """A task that the declared size of its worker does not hold."""
    memory, stated = size.memory_min_mb, pin.resources
    if memory is not None and stated.memory_min_mb is not None and stated.memory_min_mb > memory:
        trouble = f"`{pin.worker}` is declared with {memory} MiB, `{pin.task}` needs {stated.memory_min_mb} MiB"
    elif memory is not None and stated.memory_max_mb is not None and stated.memory_max_mb < memory:
        trouble = f"`{pin.worker}` is declared with {memory} MiB, `{pin.task}` allows {stated.memory_max_mb} MiB"
    elif size.arch and stated.arch and size.arch != stated.arch:
        trouble = f"`{pin.worker}` is declared with {size.arch}, `{pin.task}` states {stated.arch}"
    else:
        return None
    hint = "declare a size in `workers:` that holds every task of the worker"
    return Diagnostic(code="E503", message=trouble, span=pin.span, instance=pin.instance, hint=hint)


def _against_tasks(pin: Pin, earlier: Iterable[Pin], size: Resources) -> Diagnostic | None:
    """A task that an earlier one of its worker disagrees with, in what no declared size settles."""
    for other in earlier:
        mine, its = pin.resources, other.resources
        sizes = _memory(its), _memory(mine)
        if size.memory_min_mb is None and all(sizes) and sizes[0] != sizes[1]:
            what = f"two sizes: {sizes[0]} for `{other.task}`, {sizes[1]} for `{pin.task}`"
        elif not size.arch and mine.arch and its.arch and mine.arch != its.arch:
            what = f"two architectures: {its.arch} for `{other.task}`, {mine.arch} for `{pin.task}`"
        else:
            continue
        return Diagnostic(
            code="E503",
            message=f"`{pin.worker}` gets {what}",
            span=pin.span,
            instance=pin.instance,
            hint="state the same resources, or pin the tasks to different workers",
            related=(Related(span=other.span, message=f"`{other.task}` is pinned here"),),
        )
    return None


def _stated(pin: Pin, size: Resources) -> tuple[str, str | None]:
    """What other tasks of the worker are compared with: what its declared size leaves open."""
    memory = _memory(pin.resources) if size.memory_min_mb is None else ""
    return memory, None if size.arch else pin.resources.arch


def _memory(resources: Resources) -> str:
    """The stated memory as a text, "" when none is stated."""
    least, most = resources.memory_min_mb, resources.memory_max_mb
    if least is None and most is None:
        return ""
    if most is None:
        return f"{least} MiB"
    return f"at most {most} MiB" if least is None else f"{least} to {most} MiB"
