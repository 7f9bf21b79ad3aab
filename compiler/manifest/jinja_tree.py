"""The text of an expression to Jinja's syntax tree, with the place of every node. Nothing is evaluated here.

Jinja's nodes carry a line and no column. Its token stream is therefore renumbered before it reaches the
parser: a token's "line" becomes its index, so that each node says at which token it begins, and `extent`
finds where it ends. Trees are kept by their text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import nullcontext

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from compiler.manifest.budget import MAX_EXPRESSION, MAX_SYNTAX_DEPTH, MAX_TOKENS
from compiler.manifest.faults import Extent, StaticFault

_OPEN = {"(": ")", "[": "]", "{": "}"}
_SILENT = frozenset(
    ("whitespace", "comment", "comment_begin", "comment_end", "linecomment", "linecomment_begin", "linecomment_end")
)
_PREFIX = "{{ "
_OUR_WORDS = re.compile(r"expected token '([^']*)', got '([^']*)'")
_AT = re.compile(r" at (\d+)$")
_MAX_BRACKETS = 24
_DOTTED = re.compile(
    r"\s*(?!(?:not|and|or|in|is|if|else|true|false|none|True|False|None)\b)([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*){0,8})\s*",
    re.ASCII,
)
"""A name with attributes, which is what most references are: it needs no parser."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class _NumberTokens(Extension):
    """Replaces each token's line by its index."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for index, token in enumerate(stream):
            yield Token(index, token.type, token.value)


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
            depth += (text in _OPEN) - (text in _OPEN.values())
            if depth == 0:
                return index
        return opening


class SyntaxTrees:
    """Parses expressions, each text once."""

    def __init__(self) -> None:
        self._environment = Environment(extensions=[_NumberTokens])
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
        template = f"{_PREFIX}{source} }}}}"
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
        offset = -len(_PREFIX)
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
        if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
            return StaticFault(code="E204", message="only an expression may stand here", extent=whole)
        root = body[0].nodes[0]
        if _depth(root) > MAX_SYNTAX_DEPTH:
            return StaticFault(code="E207", message="the expression is nested too deeply", extent=whole)
        if any(isinstance(c.value, str) and _SURROGATE.search(c.value) for c in root.find_all(nodes.Const)) or (
            isinstance(root, nodes.Const) and isinstance(root.value, str) and _SURROGATE.search(root.value)
        ):
            return StaticFault(code="E201", message="a text holds half of a surrogate pair", extent=whole)
        return SyntaxTree(source, root, tokens)


def _dotted(source: str, found: re.Match[str]) -> SyntaxTree:
    """The tree that Jinja makes of `name.attribute.attribute`."""
    tokens = [(-len(_PREFIX), _PREFIX.strip()), (found.start(1), found.group(1))]
    root: nodes.Expr = nodes.Name(found.group(1), "load", lineno=1)
    at = found.start(2)
    for name in found.group(2).split(".")[1:]:
        root = nodes.Getattr(root, name, "load", lineno=len(tokens))
        tokens += [(at, "."), (at + 1, name)]
        at += len(name) + 1
    tokens.append((len(source) + 1, "}}"))
    return SyntaxTree(source, root, tokens)


def _too_long_or_deep(tokens: list[tuple[int, str]], whole: Extent) -> StaticFault | None:
    if len(tokens) > MAX_TOKENS:
        return StaticFault(code="E207", message="the expression is too long", extent=whole, hint="split it with `let`")
    depth = 0
    for _, text in tokens:
        depth += (text in _OPEN) - (text in _OPEN.values())
        if depth > _MAX_BRACKETS:
            return StaticFault(code="E207", message="the expression is nested too deeply", extent=whole)
    return None


def _depth(root: nodes.Node) -> int:
    deepest, level = 0, [root]
    while level:
        deepest += 1
        level = [child for node in level for child in node.iter_child_nodes()]
    return deepest


def _lexical_fault(err: TemplateSyntaxError, source: str) -> StaticFault:
    message = err.message or "the expression cannot be read"
    if found := _AT.search(message):
        at = min(max(int(found.group(1)) - len(_PREFIX), 0), max(len(source) - 1, 0))
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
