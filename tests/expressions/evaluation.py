"""Evaluates one expression as a manifest would."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.manifest.expressions.budget import Budget
from compiler.manifest.expressions.compilation import Scope
from compiler.manifest.expressions.compile import compile_expression
from compiler.manifest.expressions.faults import ExprFault, StaticFault
from compiler.manifest.expressions.functions import plain
from compiler.manifest.expressions.symbols import Namespace, TaskRef
from compiler.manifest.expressions.syntax_tree import SyntaxTrees


class OneTask:
    """A plain task to refer to."""

    task = "a"
    outputs: tuple[str, ...] = ()

    def entry_span(self, depth: int) -> None:
        return None


def scope(names: Mapping[str, object], budget: Budget | None = None) -> Scope:
    known: dict[str, object] = {"params": Namespace("param", {"n": 4, "s": "x"}), **names}
    tasks = {"a": TaskRef(OneTask(), 0)}
    return Scope(
        lookup=known.__getitem__,
        reference=tasks.__getitem__,
        names=lambda: known,
        tasks=lambda: tasks,
        budget=budget or Budget(5_000_000),
    )


def evaluate(source: str, **names: object) -> object:
    """The value of an expression. Raises AssertionError when it is wrong."""
    value = outcome(source, **names)
    assert not isinstance(value, (ExprFault, StaticFault)), value
    return value


def outcome(source: str, *, budget: Budget | None = None, **names: object) -> object:
    """The value of an expression, or what is wrong with it."""
    tree = SyntaxTrees().parse(source)
    if isinstance(tree, StaticFault):
        return tree
    compiled = compile_expression(tree, scope(names, budget))
    if compiled.faults:
        return compiled.faults[0]
    try:
        return plain(compiled.evaluate([]))
    except ExprFault as fault:
        return fault


def code(source: str, **names: object) -> str:
    """The code of what is wrong with an expression, and the text that it points at."""
    found = outcome(source, **names)
    assert isinstance(found, (ExprFault, StaticFault)), f"{source} is {found!r}"
    assert found.extent is not None
    start, end = found.extent
    assert 0 <= start <= end <= len(source)
    return f"{found.code} {source[start:end]}"
