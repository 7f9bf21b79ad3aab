"""The tree of one expression, and the place of every node in its text. Nothing is evaluated here.

A node says at which token it begins, and `extent` finds where it ends. Trees are kept by their text. What is more than
a name with attributes is parsed by `compiler.manifest.expressions.jinja_parser`, imported when it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from compiler.manifest.expressions import nodes
from compiler.manifest.expressions.budget import MAX_EXPRESSION
from compiler.manifest.expressions.faults import Extent, StaticFault

if TYPE_CHECKING:
    from compiler.manifest.expressions.jinja_parser import JinjaParser

PREFIX = "{{ "
"""What stands before the text of an expression when it is cut into tokens."""

BRACKETS = {"(": ")", "[": "]", "{": "}"}
_DOTTED = re.compile(
    r"\s*(?!(?:not|and|or|in|is|if|else|true|false|none|True|False|None)\b)([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*){0,8})\s*",
    re.ASCII,
)
"""A name with attributes, which is what most references are: it needs no parser."""


class SyntaxTree:
    """One parsed expression: its root, and the tokens that its nodes count."""

    __slots__ = ("_extents", "root", "source", "tokens")

    def __init__(self, source: str, root: nodes.Expr, tokens: list[tuple[int, str]]) -> None:
        self.source = source
        self.root = root
        self.tokens = tokens
        self._extents: dict[int, Extent] = {}

    def text(self, node: nodes.Node) -> str:
        """A node as written."""
        start, end = self.extent(node)
        return self.source[start:end]

    def extent(self, node: nodes.Node) -> Extent:
        """Where a node stands: from its first token to its last, brackets that belong to it included."""
        known = self._extents.get(id(node))
        if known is None:
            first, last = self._token_range(node)
            offset, text = self.tokens[last]
            known = self._extents[id(node)] = self.tokens[first][0], offset + len(text)
        return known

    def _token_range(self, node: nodes.Node) -> tuple[int, int]:
        own = max(1, min(node.lineno, len(self.tokens) - 2))
        first, last = len(self.tokens), 0
        match node:
            case nodes.Name() | nodes.Const() | nodes.Not() | nodes.Neg() | nodes.Pos():
                first = last = own
            case nodes.Getattr():
                last = own + 1
            case nodes.Getitem() | nodes.Call():
                last = self._closing(own)
            case nodes.List() | nodes.Dict():
                first, last = own, self._closing(own)
            case nodes.Test():
                last = own + 1
            case nodes.Filter():
                is_called = self.tokens[own + 1][1] == "("
                last = self._closing(own + 1) if is_called else own
        for child in node.iter_child_nodes():
            inner = self._token_range(child.expr if isinstance(child, nodes.Operand) else child)
            first, last = min(first, inner[0]), max(last, inner[1])
        if last == 0:
            first = last = own
        return first, min(last, len(self.tokens) - 2)

    def _closing(self, opening: int) -> int:
        depth = 0
        for index in range(opening, len(self.tokens) - 1):
            text = self.tokens[index][1]
            depth += (text in BRACKETS) - (text in BRACKETS.values())
            if depth == 0:
                return index
        return opening


class SyntaxTrees:
    """Parses expressions, each text once."""

    def __init__(self) -> None:
        self._parser: JinjaParser | None = None
        self._known: dict[str, SyntaxTree | StaticFault] = {}

    def parse(self, source: str) -> SyntaxTree | StaticFault:
        """The tree of an expression, or the E201, E204 or E207 that says why there is none."""
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = self._parse(source)
        return known

    def _parse(self, source: str) -> SyntaxTree | StaticFault:
        whole = (0, len(source))
        if len(source) > MAX_EXPRESSION:
            message = f"the expression has {len(source):,} characters"
            return StaticFault(code="E207", message=message, extent=whole, hint="split it with `let`")
        if found := _DOTTED.fullmatch(source):
            return _dotted(source, found)
        if not source.strip():
            return StaticFault(
                code="E201", message="the expression is empty", extent=whole, hint="write a value between the braces"
            )
        if self._parser is None:
            from compiler.manifest.expressions.jinja_parser import JinjaParser

            self._parser = JinjaParser()
        return self._parser.parse(source)


def _dotted(source: str, found: re.Match[str]) -> SyntaxTree:
    """The tree that Jinja makes of `name.attribute.attribute`."""
    tokens = [(-len(PREFIX), PREFIX.strip()), (found.start(1), found.group(1))]
    root: nodes.Expr = nodes.Name(found.group(1), lineno=1)
    at = found.start(2)
    for name in found.group(2).split(".")[1:]:
        root = nodes.Getattr(root, name, lineno=len(tokens))
        tokens += [(at, "."), (at + 1, name)]
        at += len(name) + 1
    tokens.append((len(source) + 1, "}}"))
    return SyntaxTree(source, root, tokens)
