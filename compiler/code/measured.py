"""E507 for `io: {…, of: [names]}` that counts an argument which the task does not give.

Arguments of `with` have their names there; those of `args` have the names that the function gives them, as far as its
definition can be read. Where it cannot, nothing is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic
from compiler.manifest.model import TaskDef
from compiler.manifest.tree import MappingNode, ScalarNode, SequenceNode
from compiler.suggest import did_you_mean


def check_measured(task: TaskDef, definition: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Iterator[Diagnostic]:
    """E507 at each name in the task's own `io.of` that none of its arguments has."""
    io = task.options.get("io")
    counted = io.get("of") if isinstance(io, MappingNode) else None
    if not isinstance(counted, SequenceNode) or (definition is None and task.args):
        return
    given = [*_names(definition)[: len(task.args or ())], *(task.with_ or ())]
    for item in counted.items:
        name = item.value if isinstance(item, ScalarNode) else None
        if isinstance(name, str) and "${{" not in name and name not in given:
            message = f"`of` counts `{name}`, and the task `{task.name}` gives no argument of this name"
            hint = did_you_mean(name, given) or "name an argument that the task gives, or leave `of` out"
            yield Diagnostic(code="E507", message=message, span=item.span, hint=hint)


def _names(definition: ast.FunctionDef | ast.AsyncFunctionDef | None) -> list[str]:
    """The names of the positional parameters, without that of the instance."""
    if definition is None:
        return []
    names = [one.arg for one in (*definition.args.posonlyargs, *definition.args.args)]
    return names[1:] if definition.name == "__init__" else names
