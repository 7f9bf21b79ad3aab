"""Jinja's parser for expressions: their text to our nodes, or what is wrong with it.

Jinja's nodes carry a line and no column. Its token stream is therefore renumbered before it reaches the
parser: a token's "line" becomes its index, so that each node says at which token it begins.
Importing Jinja takes long; `compiler.manifest.expressions.syntax_tree` imports this module when an expression needs it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

from jinja2 import Environment, TemplateSyntaxError
from jinja2 import nodes as jinja
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from compiler.manifest.expressions import nodes
from compiler.manifest.expressions.budget import MAX_SYNTAX_DEPTH, MAX_TOKENS
from compiler.manifest.expressions.faults import Extent, StaticFault
from compiler.manifest.expressions.syntax_tree import BRACKETS, PREFIX, SyntaxTree

_SILENT = frozenset(
    ("whitespace", "comment", "comment_begin", "comment_end", "linecomment", "linecomment_begin", "linecomment_end")
)
_OUR_WORDS = re.compile(r"expected token '([^']*)', got '([^']*)'")
_AT = re.compile(r" at (\d+)$")
_MAX_BRACKETS = 24
_SURROGATE = re.compile("[\ud800-\udfff]")

_KINDS: Mapping[str, type[nodes.Node]] = {
    kind.__name__: kind
    for kind in (
        *(nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Neg, nodes.Pos, nodes.Not),
        *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.And, nodes.Or),
        *(nodes.Operand, nodes.Compare, nodes.CondExpr, nodes.Concat, nodes.List, nodes.Tuple, nodes.Pair, nodes.Dict),
        *(nodes.Keyword, nodes.Call, nodes.Filter, nodes.Test),
    )
}


class _NumberTokens(Extension):
    """Replaces each token's line by its index."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for index, token in enumerate(stream):
            yield Token(index, token.type, token.value)


class JinjaParser:
    """Parses expressions."""

    def __init__(self) -> None:
        self._environment = Environment(extensions=[_NumberTokens])

    def parse(self, source: str) -> SyntaxTree | StaticFault:
        """The tree of an expression, or the E201, E204 or E207 that says why there is none."""
        whole = (0, len(source))
        template = f"{PREFIX}{source} }}}}"
        try:
            tokens = self._tokens(template)
        except TemplateSyntaxError as err:
            return _lexical_fault(err, source)
        if fault := _too_long_or_deep(tokens, whole):
            return fault
        try:
            return self._tree(template, source, tokens)
        except TemplateSyntaxError as err:
            return _syntax_fault(err, tokens, source)
        except RecursionError:
            return StaticFault(code="E207", message="the expression is nested too deeply", extent=whole)
        except ValueError:  # Python reads no integer of over 4,300 digits
            return StaticFault(code="E207", message="a number in the expression is too large", extent=whole)

    def _tokens(self, template: str) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        offset = -len(PREFIX)
        for _, kind, text in self._environment.lexer.tokeniter(template, None):
            if kind not in _SILENT:
                found.append((offset, text))
            offset += len(text)
        return found

    def _tree(self, template: str, source: str, tokens: list[tuple[int, str]]) -> SyntaxTree | StaticFault:
        whole = (0, len(source))
        with warnings.catch_warnings() if "\\" in source else nullcontext():
            if "\\" in source:
                warnings.simplefilter("error")
            body = self._environment.parse(template).body
        if len(body) != 1 or not isinstance(body[0], jinja.Output) or len(body[0].nodes) != 1:
            return StaticFault(code="E204", message="only an expression may stand here", extent=whole)
        if _depth(body[0].nodes[0]) > MAX_SYNTAX_DEPTH:
            return StaticFault(code="E207", message="the expression is nested too deeply", extent=whole)
        root = _own(body[0].nodes[0])
        if any(isinstance(found.value, str) and _SURROGATE.search(found.value) for found in root.find_all(nodes.Const)):
            return StaticFault(code="E201", message="a text holds half of a surrogate pair", extent=whole)
        assert isinstance(root, nodes.Expr), "what is printed is an expression"
        return SyntaxTree(source, root, tokens)


def _own(node: jinja.Node) -> nodes.Node:
    """The same tree of our own nodes."""
    kind = _KINDS.get(type(node).__name__, nodes.Foreign)
    return kind(*(_own_value(getattr(node, name)) for name in kind.fields), lineno=node.lineno)


def _own_value(value: object) -> object:
    match value:
        case jinja.Node():
            return _own(value)
        case list() | tuple():
            return [_own_value(item) for item in value]
        case _:
            return value


def _too_long_or_deep(tokens: list[tuple[int, str]], whole: Extent) -> StaticFault | None:
    if len(tokens) > MAX_TOKENS:
        return StaticFault(code="E207", message="the expression is too long", extent=whole, hint="split it with `let`")
    depth = 0
    for _, text in tokens:
        depth += (text in BRACKETS) - (text in BRACKETS.values())
        if depth > _MAX_BRACKETS:
            return StaticFault(code="E207", message="the expression is nested too deeply", extent=whole)
    return None


def _depth(root: jinja.Node) -> int:
    deepest = 0
    level: list[jinja.Node] = [root]
    while level:
        deepest += 1
        level = [child for node in level for child in node.iter_child_nodes()]
    return deepest


def _lexical_fault(err: TemplateSyntaxError, source: str) -> StaticFault:
    message = err.message or "the expression cannot be read"
    if found := _AT.search(message):
        at = min(max(int(found.group(1)) - len(PREFIX), 0), max(len(source) - 1, 0))
        return StaticFault(
            code="E201", message=f"unexpected character {source[at]!r} in the expression", extent=(at, at + 1)
        )
    return StaticFault(code="E201", message=message, extent=(0, len(source)))


def _syntax_fault(err: TemplateSyntaxError, tokens: list[tuple[int, str]], source: str) -> StaticFault:
    index = max(1, min(err.lineno, len(tokens) - 1))
    offset, text = tokens[index]
    if offset >= len(source):
        end = len(source.rstrip())
        return StaticFault(
            code="E201",
            message="the expression ends too early",
            extent=(max(end - 1, 0), end),
            hint="complete it before `}}`",
        )
    if text == "=":
        return StaticFault(
            code="E201", message="`=` assigns, and nothing can be assigned here", extent=(offset, offset + 1),
            hint="compare with `==`",
        )  # fmt: skip
    found = _OUR_WORDS.search(err.message or "")
    wanted = f"; `{found.group(1)}` is missing before it" if found and len(found.group(1)) == 1 else ""
    return StaticFault(
        code="E201", message=f"unexpected `{text}` in the expression{wanted}", extent=(offset, offset + len(text))
    )
