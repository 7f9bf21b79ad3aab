"""In which order `let` values and families are evaluated: what they name first, found without recursion.

A `let` depends on the `let` names and the families in its expressions, a family on those of its `foreach` and `where`,
and of the params that it gives to a workflow. Arguments do not count: a family may refer to itself there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.graph.context import Context
from compiler.graph.merge import TaskSource
from compiler.manifest.expressions import nodes
from compiler.manifest.expressions.templates import split, syntax_trees
from compiler.manifest.model import Manifest, Workflow
from compiler.manifest.tree import Node, ScalarNode


@dataclass(frozen=True, slots=True)
class Unit:
    """A thing to evaluate: kind "let" or "task", and its name."""

    kind: str
    name: str


def evaluation_order(context: Context, sources: Mapping[str, TaskSource]) -> Iterator[tuple[Unit, bool]]:
    """Every unit after those that it needs; the flag is False for one that takes part in a cycle, reported here."""
    units = [Unit("let", name) for name in context.manifest.let]
    units += [Unit("task", name) for name in sources]
    return _sorted(context, units, lambda unit: _needs(context, sources, unit))


def param_nodes(manifest: Manifest, source: TaskSource) -> dict[str, Node]:
    """What a task gives to the params of the workflow that it inlines, which are known when compiling."""
    called = manifest.linked.get(source.body.name) if isinstance(source.body, Workflow) else None
    given = source.task.with_ or {}
    return {name: node for name, node in given.items() if called is not None and name in called.params}


def _needs(context: Context, sources: Mapping[str, TaskSource], unit: Unit) -> list[Unit]:
    """What a unit names; its expressions are read when its turn comes, so that a wrong one before it may end all."""
    if unit.kind == "let":
        return _named(context, sources, [context.manifest.let[unit.name]], frozenset())
    source = sources[unit.name]
    entries = source.task.foreach
    written = [entry.iterable for entry in entries]
    if source.task.where is not None and entries:
        written.append(source.task.where)
    written.extend(param_nodes(context.manifest, source).values())
    variables = frozenset(variable for entry in entries for variable in entry.variables)
    return _named(context, sources, written, variables)


def _named(
    context: Context, sources: Mapping[str, TaskSource], written: Iterable[Node], variables: frozenset[str]
) -> list[Unit]:
    found: dict[Unit, None] = {}
    for node in written:
        for tree in syntax_trees(node, context.trees):
            for part in tree.root.find_all(nodes.Name, nodes.Getattr, nodes.Getitem):
                unit = _unit(part)
                if unit is None or (unit.kind == "let" and unit.name in variables):
                    continue
                if unit.name in (context.manifest.let if unit.kind == "let" else sources):
                    found[unit] = None
    return list(found)


def _unit(part: nodes.Node) -> Unit | None:
    match part:
        case nodes.Name(name=name):
            return Unit("let", name)
        case nodes.Getattr(node=nodes.Name(name="tasks"), attr=attr):
            return Unit("task", attr)
        case nodes.Getitem(node=nodes.Name(name="tasks"), arg=nodes.Const(value=str(name))):
            return Unit("task", name)
        case _:
            return None


def _sorted(
    context: Context, units: Iterable[Unit], needs: Callable[[Unit], list[Unit]]
) -> Iterator[tuple[Unit, bool]]:
    """Depth-first order with an explicit stack; a unit met again on the way up closes a cycle."""
    done: set[Unit] = set()
    cyclic: set[Unit] = set()
    for start in units:
        path: list[Unit] = []
        on_path: set[Unit] = set()
        stack: list[tuple[Unit, Iterator[Unit]]] = []
        if start not in done:
            stack.append((start, iter(needs(start))))
            path.append(start)
            on_path.add(start)
        while stack:
            unit, rest = stack[-1]
            for needed in rest:
                if needed in on_path:
                    _refuse_cycle(context, path[path.index(needed) :], cyclic)
                elif needed not in done:
                    stack.append((needed, iter(needs(needed))))
                    path.append(needed)
                    on_path.add(needed)
                    break
            else:
                stack.pop()
                path.pop()
                on_path.discard(unit)
                done.add(unit)
                yield unit, unit not in cyclic


def _refuse_cycle(context: Context, cycle: list[Unit], cyclic: set[Unit]) -> None:
    if any(unit in cyclic for unit in cycle):
        cyclic.update(cycle)
        return
    cyclic.update(cycle)
    names = [unit.name for unit in [*cycle, cycle[0]]]
    shown = " -> ".join([*names[:7], "…", names[-1]] if len(names) > 8 else names)
    lets = [unit for unit in cycle if unit.kind == "let"]
    manifest = context.manifest
    if lets:
        first = _first_of(manifest.let, lets)
        at = manifest.let[first]
        following = next(
            unit.name for unit, before in zip([*cycle[1:], cycle[0]], cycle, strict=True) if before.name == first
        )
        place = _mention(context, at, following)
        related = () if place is None else (Related(span=place, message=f"it needs `{following}` here"),)
        context.report.add(
            Diagnostic(
                code="E212",
                message=f"`{first}` is defined by itself: {shown}",
                span=manifest.let_spans[first],
                hint="break the circle",
                related=related,
            )
        )
    elif len(cycle) == 1:
        task = manifest.tasks[cycle[0].name]
        span = task.foreach[0].iterable.span if task.foreach else task.name_span
        context.report.error("E303", f"the instances of `{task.name}` cannot be those of `{task.name}`", span)
    else:
        first = _first_of(manifest.tasks, cycle)
        context.report.error(
            "E302", f"the instances of these tasks depend on one another: {shown}", manifest.tasks[first].name_span
        )


def _first_of(section: Iterable[str], units: Iterable[Unit]) -> str:
    """The first name of a section that one of the units has."""
    names = {unit.name for unit in units}
    return next(name for name in section if name in names)


def _mention(context: Context, node: Node, name: str) -> Span | None:
    """Where a lone expression names a thing."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    parts, _ = split(node.value)
    for part, tree in zip(
        (part for part in parts if part.is_expression), syntax_trees(node, context.trees), strict=False
    ):
        for found in tree.root.find_all(nodes.Name):
            if isinstance(found, nodes.Name) and found.name == name:
                start, end = tree.extent(found)
                return context.report.place(node, part.start + start, part.start + end)
    return None
