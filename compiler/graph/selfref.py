"""A plain task that needs its own result: E303 at each scalar of the task that asks for it.

An instance of a family may need others of the same family; whether they form a circle is for `compiler.graph.verify`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from compiler.graph.bind import compile_arguments
from compiler.graph.context import Context
from compiler.graph.domains import Domain
from compiler.graph.model import SEPARATOR
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.symbols import Level, Predicate, TaskRef
from compiler.manifest.expressions.templates import Template, TemplateFault


def refuse_self_reference(domain: Domain, context: Context, frame: list[object]) -> None:
    """Report the scalars of a task that hold a reference to it, in its arguments and its `when`.

    A handler needs itself when it refers to the task whose failures it handles.
    """
    root, message, hint = domain, f"`{domain.task}` needs its own result", "a plain task cannot refer to itself"
    while root.guards is not None:
        root = root.guards
        message = f"`{domain.task.rpartition(SEPARATOR)[2]}` handles failures of `{root.task}`, and needs its result"
        hint = "the error record is its first argument: take what it needs from there, or from another task"
    for leaf in _leaves(domain, context):
        try:
            value = leaf.evaluate(frame)
        except (TemplateFault, Poisoned):
            continue
        if _holds(value, root):
            start, end = _place(leaf, root.task)
            context.report.fault(TemplateFault(leaf.node, ExprFault("E303", message, hint=hint), start, end))


def _leaves(domain: Domain, context: Context) -> Iterator[Template]:
    for argument in compile_arguments(domain, context):
        yield from argument.template.leaves
    when = domain.task_source.task.when
    if when is not None:
        variables = {name: slot for slot, name in enumerate(domain.variables)}
        yield from context.compile(when, variables, is_run_time=True).leaves


def _holds(value: object, domain: Domain) -> bool:
    """Whether a reference to the task stands anywhere in a value."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case TaskRef(owner=owner) if owner is domain:
                return True
            case Level(children=children):
                waiting.extend(children.values())
            case Predicate(operands=operands):
                waiting.extend(operands)
            case list() as items:
                waiting.extend(items)
            case dict() as table:
                waiting.extend(table.values())
    return False


def _place(leaf: Template, task: str) -> tuple[int, int]:
    """Where a scalar names the task; all of it when the reference comes by another name."""
    text = str(leaf.node.value)
    found = re.search(rf"\btasks\s*(?:\.\s*{task}\b|\[\s*(['\"]){task}\1\s*\])", text)
    return found.span() if found else (0, len(text))
