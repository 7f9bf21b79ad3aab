"""Is the graph acyclic, and is anything in it odd: E302, and the lints W301 to W304.

Everything is iterative and linear in instances and edges.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, ManifestError, Related
from compiler.graph.model import SEPARATOR, Family, Graph
from compiler.manifest.expressions.templates import scalars
from compiler.manifest.model import Manifest
from compiler.manifest.tree import ScalarNode

HUGE_FAN_IN = 10_000
"""In-edges of one instance from which on W304 is given."""

_REFERENCE = re.compile(r"tasks\.([a-z][a-z0-9_]*)([.\[][^\s{}]*)?")
InEdges = Sequence[tuple[tuple[int, int], ...]]


def verify_graph(graph: Graph) -> Graph:
    """The graph with its lints added. Raises ManifestError (E302) when it has a cycle."""
    if cycles := find_cycles(graph):
        raise ManifestError(cycles)
    return lint_graph(graph)


def lint_graph(graph: Graph) -> Graph:
    """The graph, known to be acyclic, with its lints added."""
    return replace(graph, warnings=(*graph.warnings, *_lints(graph)))


def find_cycles(graph: Graph) -> tuple[Diagnostic, ...]:
    """One E302 for each set of families that instances form a cycle across, at the key of the first in the file."""
    rest = _unordered(graph.in_edges)
    if not rest:
        return ()
    found: dict[frozenset[int], list[int]] = {}
    more: dict[frozenset[int], int] = {}
    for component in _components(rest, graph.in_edges):
        if len(found) >= MAX_MISTAKES:
            break
        families = frozenset(graph.family_of[instance] for instance in component)
        if families in found:
            more[families] = more.get(families, 0) + 1
        else:
            found[families] = component
    return tuple(_cycle(graph, families, component, more.get(families, 0)) for families, component in found.items())


def _cycle(graph: Graph, families: frozenset[int], component: list[int], more: int) -> Diagnostic:
    path = _shortest_cycle(min(component), set(component), graph.in_edges)
    names = [graph.name_of(instance) for instance in path]
    if len(names) > 8:
        names = [*names[:7], "…", names[-1]]
    return Diagnostic(
        code="E302",
        message=f"tasks wait for one another: {' -> '.join(names)}",
        span=graph.families[min(families)].span,
        hint="let one of them take its input from somewhere else",
        more=more,
    )


def _unordered(in_edges: InEdges) -> set[int]:
    """The instances that no order reaches: those on a cycle, and those behind one (Kahn's algorithm)."""
    count = len(in_edges)
    missing = [len({producer for producer, _ in sources}) for sources in in_edges]
    consumers: list[list[int]] = [[] for _ in range(count)]
    for consumer, sources in enumerate(in_edges):
        for producer in {producer for producer, _ in sources}:
            consumers[producer].append(consumer)
    ready = [instance for instance in range(count) if not missing[instance]]
    reached = 0
    while ready:
        producer = ready.pop()
        reached += 1
        for consumer in consumers[producer]:
            missing[consumer] -= 1
            if not missing[consumer]:
                ready.append(consumer)
    return {instance for instance in range(count) if missing[instance]} if reached < count else set()


def _components(rest: set[int], in_edges: InEdges) -> Iterator[list[int]]:
    """The strongly connected components that hold a cycle, by their least instance (Tarjan's algorithm, own stack)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    for start in sorted(rest):
        if start in index:
            continue
        work = [(start, _producers(start, rest, in_edges))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            instance, producers = work[-1]
            for producer in producers:
                if producer not in index:
                    index[producer] = low[producer] = len(index)
                    stack.append(producer)
                    on_stack.add(producer)
                    work.append((producer, _producers(producer, rest, in_edges)))
                    break
                if producer in on_stack:
                    low[instance] = min(low[instance], index[producer])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[instance])
                if low[instance] == index[instance]:
                    component = _pop_component(stack, on_stack, instance)
                    if len(component) > 1 or any(producer == instance for producer, _ in in_edges[instance]):
                        yield component


def _pop_component(stack: list[int], on_stack: set[int], root: int) -> list[int]:
    component = []
    while True:
        top = stack.pop()
        on_stack.discard(top)
        component.append(top)
        if top == root:
            return component


def _producers(instance: int, rest: set[int], in_edges: InEdges) -> Iterator[int]:
    return iter([producer for producer, _ in in_edges[instance] if producer in rest])


def _shortest_cycle(start: int, component: set[int], in_edges: InEdges) -> list[int]:
    """From `start` along the data back to `start`: found breadth first, against the edges."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        instance = queue.popleft()
        for producer, _ in in_edges[instance]:
            if producer == start:
                path = [start]
                while instance != start:
                    path.append(instance)
                    instance = came_from[instance]
                return [*path, start]
            if producer in component and producer not in came_from:
                came_from[producer] = instance
                queue.append(producer)
    raise AssertionError("a strongly connected component has a cycle through each member")


def _lints(graph: Graph) -> Iterator[Diagnostic]:
    if graph.result_kind == "sinks":
        yield from _many_sinks(graph)
    else:
        yield from _dead_tasks(graph)
    fan_in = [0] * len(graph.families)
    for instance, sources in enumerate(graph.in_edges):
        family = graph.family_of[instance]
        fan_in[family] = max(fan_in[family], len(sources))
    for number, width in enumerate(fan_in):
        yield from _shape(graph, graph.families[number], width)


def _many_sinks(graph: Graph) -> Iterator[Diagnostic]:
    fed = {producer for sources in graph.in_edges for producer, _ in sources}
    ends = {graph.family_of[instance] for instance in range(len(graph)) if instance not in fed}
    feeding = _feeding(graph)
    names = [_task_of(graph.families[family]) for family in sorted(ends)]
    sinks = [f"`{name}`" for name in dict.fromkeys(names) if name not in feeding]
    if len(sinks) > 1:
        shown = ", ".join(sinks[:8]) + (", …" if len(sinks) > 8 else "")
        yield Diagnostic(
            code="W302",
            message=f"{len(sinks)} tasks feed no other, and the manifest names no result: {shown}",
            span=graph.manifest.tasks_span,
            hint="name what the run returns with `result:` or `outputs:`",
        )


def _dead_tasks(graph: Graph) -> Iterator[Diagnostic]:
    alive = {producer for producer, _ in graph.result_edges}
    stack = list(alive)
    while stack:
        for producer, _ in graph.in_edges[stack.pop()]:
            if producer not in alive:
                alive.add(producer)
                stack.append(producer)
    living = {graph.family_of[instance] for instance in alive}
    needed = {_task_of(graph.families[number]) for number in living}
    dead = {_task_of(family): family for family in graph.families if family.count}
    for name in needed:
        dead.pop(name, None)
    texts = _texts_about_tasks(graph.manifest) if dead else {}
    for name, family in dead.items():
        task, text = graph.manifest.tasks.get(name), texts.get(name)
        yield Diagnostic(
            code="W301",
            message=f"nothing that the workflow returns needs `{name}`",
            span=family.span if task is None else task.name_span,
            hint=f"write ${{{{ {text.value} }}}}" if text else "remove it, or name it in `outputs:`",
            related=(Related(span=text.span, message="a text, no reference"),) if text else (),
        )


def _texts_about_tasks(manifest: Manifest) -> dict[str, ScalarNode]:
    """For each task an argument that reads `tasks.NAME`, and so on, without the braces of an expression."""
    found: dict[str, ScalarNode] = {}
    for task in manifest.tasks.values():
        for scalar in chain.from_iterable(map(scalars, (*(task.args or ()), *(task.with_ or {}).values()))):
            if isinstance(scalar.value, str) and (reads := _REFERENCE.fullmatch(scalar.value)):
                found.setdefault(reads.group(1), scalar)
    return found


def _task_of(family: Family) -> str:
    """The task of the main manifest: what happens inside a workflow that it inlines is that manifest's business."""
    return family.task.partition(SEPARATOR)[0]


def _feeding(graph: Graph) -> frozenset[str]:
    """The tasks that inline a workflow of which some instance feeds another task."""
    tasks = [_task_of(family) for family in graph.families]
    inlined = {name for name, family in zip(tasks, graph.families, strict=True) if name != family.task}
    found = set()
    for producer, _, consumer in graph.edges() if inlined else ():
        name = tasks[graph.family_of[producer]]
        if name in inlined and name != tasks[graph.family_of[consumer]]:
            found.add(name)
    return frozenset(found)


def _shape(graph: Graph, family: Family, fan_in: int) -> Iterator[Diagnostic]:
    task = graph.manifest.tasks.get(family.task)
    if task is not None and task.foreach and family.count == 1 and not family.dynamic:
        yield Diagnostic(
            code="W303",
            message=f"`foreach` gives `{family.task}` a single instance",
            span=task.foreach[0].iterable.span,
            hint="remove the `foreach`, or widen what it runs over",
        )
    if fan_in > HUGE_FAN_IN:
        yield Diagnostic(
            code="W304",
            message=f"an instance of `{family.task}` waits for {fan_in:,} results",
            span=family.span,
            hint="gather them in stages",
        )
