"""The nodes of an expression: those of Jinja's syntax tree that can stand in one, under the same names.

They are classes of our own so that only a manifest whose expressions need Jinja's parser imports Jinja, which takes
longer than anything else that `validate` imports. `compiler.manifest.expressions.jinja_parser` makes them of Jinja's;
what they mean is said by `compiler.manifest.expressions.compile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TypeVar

Found = TypeVar("Found", bound="Node")


class Node:
    """A node. `lineno` is the index of the token at which it begins, `fields` names its parts in their order."""

    __slots__ = ("lineno",)
    fields: ClassVar[tuple[str, ...]] = ()
    lineno: int

    def __init__(self, *values: object, lineno: int) -> None:
        self.lineno = lineno
        for name, value in zip(self.fields, values, strict=True):
            setattr(self, name, value)

    def iter_child_nodes(self) -> Iterator[Node]:
        """The nodes right below, as written."""
        for name in self.fields:
            value = getattr(self, name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, Node))

    def find_all(self, *kinds: type[Found]) -> Iterator[Found]:
        """Every node of these kinds, this one included, from the outside in and as written."""
        stack: list[Node] = [self]
        while stack:
            top = stack.pop()
            if isinstance(top, kinds):
                yield top
            stack.extend(reversed([*top.iter_child_nodes()]))


class Expr(Node):
    __slots__ = ()


class Foreign(Expr):
    """What is no part of the expression language."""

    __slots__ = ()


class Const(Expr):
    __slots__ = fields = ("value",)
    value: object


class Name(Expr):
    __slots__ = fields = ("name",)
    name: str


class Getattr(Expr):
    __slots__ = fields = ("node", "attr")
    node: Expr
    attr: str


class Getitem(Expr):
    __slots__ = fields = ("node", "arg")
    node: Expr
    arg: Expr


class Slice(Expr):
    __slots__ = fields = ("start", "stop", "step")
    start: Expr | None
    stop: Expr | None
    step: Expr | None


class UnaryExpr(Expr):
    __slots__ = fields = ("node",)
    node: Expr


class Neg(UnaryExpr):
    __slots__ = ()


class Pos(UnaryExpr):
    __slots__ = ()


class Not(UnaryExpr):
    __slots__ = ()


class BinExpr(Expr):
    __slots__ = fields = ("left", "right")
    left: Expr
    right: Expr


class Add(BinExpr):
    __slots__ = ()


class Sub(BinExpr):
    __slots__ = ()


class Mul(BinExpr):
    __slots__ = ()


class Div(BinExpr):
    __slots__ = ()


class FloorDiv(BinExpr):
    __slots__ = ()


class Mod(BinExpr):
    __slots__ = ()


class Pow(BinExpr):
    __slots__ = ()


class And(BinExpr):
    __slots__ = ()


class Or(BinExpr):
    __slots__ = ()


class Operand(Node):
    __slots__ = fields = ("op", "expr")
    op: str
    expr: Expr


class Compare(Expr):
    __slots__ = fields = ("expr", "ops")
    expr: Expr
    ops: list[Operand]


class CondExpr(Expr):
    __slots__ = fields = ("test", "expr1", "expr2")
    test: Expr
    expr1: Expr
    expr2: Expr | None


class Concat(Expr):
    __slots__ = fields = ("nodes",)
    nodes: list[Expr]


class List(Expr):
    __slots__ = fields = ("items",)
    items: list[Expr]


class Tuple(Expr):
    __slots__ = fields = ("items",)
    items: list[Expr]


class Pair(Node):
    __slots__ = fields = ("key", "value")
    key: Expr
    value: Expr


class Dict(Expr):
    __slots__ = fields = ("items",)
    items: list[Pair]


class Keyword(Node):
    __slots__ = fields = ("key", "value")
    key: str
    value: Expr


class Call(Expr):
    __slots__ = fields = ("node", "args", "kwargs", "dyn_args", "dyn_kwargs")
    node: Expr
    args: list[Expr]
    kwargs: list[Keyword]
    dyn_args: Expr | None
    dyn_kwargs: Expr | None


class _Applied(Expr):
    __slots__ = fields = ("node", "name", "args", "kwargs", "dyn_args", "dyn_kwargs")
    node: Expr | None
    name: str
    args: list[Expr]
    kwargs: list[Keyword]
    dyn_args: Expr | None
    dyn_kwargs: Expr | None


class Filter(_Applied):
    __slots__ = ()


class Test(_Applied):
    __slots__ = ()
