"""Expressions compiled to closures: a whitelist over Jinja's syntax tree, evaluated with types, never rendered.

An expression is compiled once and evaluated for every instance of a family: a closure takes the *frame* (the
values of the loop variables, by slot) and gives a value. Parameters, `let` names and task references are
resolved while compiling. What shows without evaluating (undefined names, forbidden constructs) is collected as
`StaticFault`s; such an expression is poison and says nothing more. Nothing of Python's attributes is reachable:
no closure ever calls `getattr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.manifest.expressions import nodes, operators
from compiler.manifest.expressions.closures import (
    compile_binary,
    compile_compare,
    compile_concat,
    compile_conditional,
    compile_dict,
    compile_fast_binary,
    compile_list,
    compile_multiply,
    compile_not,
    junction,
    unary,
)
from compiler.manifest.expressions.compilation import Closure, Compilation, Handler, Scope, poison
from compiler.manifest.expressions.faults import StaticFault
from compiler.manifest.expressions.lookups import (
    compile_call,
    compile_const,
    compile_filter,
    compile_getattr,
    compile_getitem,
    compile_name,
)
from compiler.manifest.expressions.syntax_tree import SyntaxTree

HANDLERS: Mapping[type[nodes.Node], Handler] = {
    nodes.Const: compile_const,
    nodes.Name: compile_name,
    nodes.Getattr: compile_getattr,
    nodes.Getitem: compile_getitem,
    nodes.Add: compile_fast_binary,
    nodes.Sub: compile_fast_binary,
    nodes.Mul: compile_multiply,
    nodes.Div: compile_binary,
    nodes.FloorDiv: compile_binary,
    nodes.Mod: compile_binary,
    nodes.Pow: compile_binary,
    nodes.Neg: unary(operators.negate),
    nodes.Pos: unary(operators.positive),
    nodes.Compare: compile_compare,
    nodes.And: junction(True),
    nodes.Or: junction(False),
    nodes.Not: compile_not,
    nodes.CondExpr: compile_conditional,
    nodes.Concat: compile_concat,
    nodes.List: compile_list,
    nodes.Tuple: compile_list,
    nodes.Dict: compile_dict,
    nodes.Call: compile_call,
    nodes.Filter: compile_filter,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A compiled expression: its closure, the slots it reads, and what is wrong with it already."""

    evaluate: Closure
    slots: frozenset[int]
    tree: SyntaxTree
    faults: tuple[StaticFault, ...] = ()


def compile_expression(tree: SyntaxTree, scope: Scope) -> Compiled:
    """Compile one expression in its scope."""
    compiler = Compilation(tree, scope, HANDLERS)
    closure = compiler.expr(tree.root)
    if compiler.faults or compiler.is_poisoned:
        closure = poison
    return Compiled(
        evaluate=closure, slots=frozenset(compiler.slots), tree=tree, faults=tuple(dict.fromkeys(compiler.faults))
    )
