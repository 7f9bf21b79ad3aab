"""One expression on its way from syntax tree to closure: the scope it stands in, what is wrong with it so far.

Which node is compiled how is said by a table of handlers (`compiler.manifest.expressions.compile`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.manifest.expressions import nodes
from compiler.manifest.expressions.budget import Budget
from compiler.manifest.expressions.faults import ExprFault, Extent, Poisoned, StaticFault
from compiler.manifest.expressions.functions import FUNCTIONS
from compiler.manifest.expressions.syntax_tree import SyntaxTree
from compiler.suggest import did_you_mean

Frame = list[object]
Closure = Callable[[Frame], object]
Handler = Callable[["Compilation", Any], Closure]
"""Compiles one kind of node; its second argument is a node of that kind."""

_FOREIGN: Mapping[type[nodes.Node], str] = {
    nodes.Test: "a test (`is …`)",
    nodes.Slice: "a slice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names mean where an expression stands.

    `variables` are loop variables by slot. `lookup` gives a `let` value or a `Namespace`, `reference` the symbolic
    value of a task; both raise KeyError for an unknown name and Poisoned for one that was reported already.
    With `is_run_time` (in `when`) references may be compared. With `is_reused` what names mean may change between
    evaluations, though not which there are: it is looked up each time.
    """

    variables: Mapping[str, int] = field(default_factory=dict)
    lookup: Callable[[str], object]
    reference: Callable[[str], object]
    names: Callable[[], Collection[str]]
    tasks: Callable[[], Collection[str]]
    budget: Budget
    is_run_time: bool = False
    is_reused: bool = False


def poison(frame: Frame) -> object:
    """The closure of what has been reported already."""
    raise Poisoned


class Compilation:
    """One expression on its way from tree to closure."""

    def __init__(self, tree: SyntaxTree, scope: Scope, handlers: Mapping[type[nodes.Node], Handler]) -> None:
        self._handlers = handlers
        self.tree = tree
        self.scope = scope
        self.faults: list[StaticFault] = []
        self.slots: set[int] = set()
        self.is_poisoned = False

    def expr(self, node: nodes.Node) -> Closure:
        compile_node = self._handlers.get(type(node))
        if compile_node is None:
            return self.fail(node, "E204", f"{_FOREIGN.get(type(node), 'this')} is not part of the expression language")
        return compile_node(self, node)

    def fail(self, node: nodes.Node | Extent, code: str, message: str, hint: str = "", label: str = "") -> Closure:
        extent = node if isinstance(node, tuple) else self.tree.extent(node)
        self.faults.append(StaticFault(code=code, message=message, extent=extent, hint=hint, label=label))
        return poison

    def fail_name(self, node: nodes.Node, name: str) -> Closure:
        if name in FUNCTIONS:
            return self.fail(node, "E203", f"`{name}` is a function, not a value", hint=f"call it: {name}(…)")
        known = self.scope.names()
        if self.scope.variables:
            known = dict.fromkeys([*self.scope.variables, *known])
        return self.fail(node, "E203", f"`{name}` is not defined", hint=did_you_mean(name, known))

    def constant(self, value: object) -> Closure:
        return lambda frame: value

    def placed(self, node: nodes.Node, compute: Callable[[Frame], object], *operands: nodes.Node) -> Closure:
        """`compute`, its faults placed at `node` or at the operand that they name."""
        tree = self.tree

        def closure(frame: Frame) -> object:
            try:
                return compute(frame)
            except ExprFault as fault:
                if fault.extent is None:
                    wrong = operands[fault.operand] if 0 <= fault.operand < len(operands) else node
                    fault.at(tree.extent(wrong))
                raise

        return closure
