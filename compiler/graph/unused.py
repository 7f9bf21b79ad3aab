"""Expressions that no instance evaluates: of shared functions and `defaults` that no task takes over.

They are compiled, and evaluated where they need no loop variable, for what is wrong with them. An expression of a
shared function may use the loop variables of any task: which task will use it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compiler.graph.context import Context
from compiler.graph.merge import TaskSource
from compiler.manifest.expressions.faults import Poisoned
from compiler.manifest.expressions.templates import TemplateFault, scalars
from compiler.manifest.model import Exec, Manifest
from compiler.manifest.tree import Node, ScalarNode


def check_unused(context: Context, sources: Mapping[str, TaskSource]) -> None:
    """Report what is wrong with the expressions of functions and defaults that are part of no task."""
    shared = [scalar for node in _shared(context.manifest) for scalar in _expressions(node)]
    if not shared:
        return
    used = {id(scalar) for source in sources.values() for node in _parts(source) for scalar in _expressions(node)}
    variables = _loop_variables(sources.values())
    for scalar in shared:
        if id(scalar) not in used:
            _check(scalar, variables, context)


def _check(scalar: ScalarNode, variables: Mapping[str, int], context: Context) -> None:
    template = context.compile(scalar, variables)
    if template.slots:
        return
    try:
        template.evaluate([])
    except (TemplateFault, Poisoned):
        context.blame(template.leaves, [])


def _shared(manifest: Manifest) -> Iterator[Node]:
    yield from manifest.defaults.values()
    for function in manifest.functions.values():
        yield from function.options.values()
        if isinstance(function.body, Exec):
            yield from _words(function.body)


def _parts(source: TaskSource) -> Iterator[Node]:
    yield from source.options.values()
    if isinstance(source.body, Exec):
        yield from _words(source.body)


def _words(body: Exec) -> Iterator[Node]:
    yield from (*body.argv, *body.files)
    yield from (node for node in (body.stdin, body.cwd) if node is not None)


def _expressions(node: Node) -> Iterator[ScalarNode]:
    return (scalar for scalar in scalars(node) if isinstance(scalar.value, str) and "${{" in scalar.value)


def _loop_variables(sources: Iterable[TaskSource]) -> dict[str, int]:
    names = (name for source in sources for entry in source.task.foreach for name in entry.variables)
    return {name: slot for slot, name in enumerate(dict.fromkeys(names))}
