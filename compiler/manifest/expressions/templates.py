"""Scalars and trees with expressions in them: found, compiled, evaluated with their types kept.

`${{ expr }}` alone keeps the type of its value; with text around it the scalar is a text. `$${{` stands for a
literal `${{`. A tree of nodes becomes a closure over the frame; its scalars stay apart as `leaves`, so that
every wrong one can be named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compiler.manifest.expressions import operators
from compiler.manifest.expressions.budget import MAX_PARTS, MAX_TEMPLATE, Budget, check_text
from compiler.manifest.expressions.compilation import Closure, Frame, Scope, poison
from compiler.manifest.expressions.compile import compile_expression
from compiler.manifest.expressions.faults import ExprFault, Poisoned, StaticFault
from compiler.manifest.expressions.syntax_tree import SyntaxTree, SyntaxTrees
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode

_OPENING = re.compile(r"\$\$\{\{|\$\{\{")
_BARE = re.compile(r"\{\{-?\s*(?:params|inputs|tasks)\.\w[^{}]*\}\}", re.ASCII)
"""What other systems write for an expression: text here, and never meant as one when it names a root."""

_LONE_REFERENCE = re.compile(r"\$\{\{\s*tasks\.([A-Za-z]\w*)\s*\}\}", re.ASCII)
_NO_SLOTS: frozenset[int] = frozenset()
_INSIDE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\}\}|[{}'"]""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a scalar: literal text, or the source of an expression; it begins at `start` of the value."""

    text: str
    start: int
    is_expression: bool


def has_expression(node: Node) -> bool:
    """Whether any scalar of a tree has to be compiled."""
    if isinstance(node, ScalarNode):
        return _is_template(node.value)
    return any(map(has_expression, node.items if isinstance(node, SequenceNode) else node.values))


def _is_template(value: object) -> bool:
    """Whether a scalar holds `${{`, escaped or not, or an expression without its dollar sign."""
    return isinstance(value, str) and "{{" in value and ("${{" in value or _BARE.search(value) is not None)


def scalars(node: Node) -> Iterator[ScalarNode]:
    """Every scalar of a tree (keys excluded), in order."""
    stack: list[Node] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, ScalarNode):
            yield top
        else:
            stack.extend(reversed(top.items if isinstance(top, SequenceNode) else top.values))


def split(text: str) -> tuple[list[Part], StaticFault | None]:
    """The pieces of a scalar, and the E202 of an expression that does not end, or the E207 of too large a scalar."""
    parts: list[Part] = []
    at = 0
    if len(text) > MAX_TEMPLATE:
        return parts, _too_large(f"a text with expressions has {len(text):,} characters", MAX_TEMPLATE, text)
    while found := _OPENING.search(text, at):
        if len(parts) >= MAX_PARTS:
            return parts, _too_large("a text has too many expressions", MAX_PARTS, text)
        if found.start() > at:
            parts.append(Part(text[at : found.start()], at, False))
        if found.group().startswith("$$"):
            parts.append(Part("${{", found.start(), False))
            at = found.end()
            continue
        end = _closing(text, found.end())
        if end is None:
            return parts, StaticFault(
                code="E202",
                message="the expression does not end",
                extent=(found.start(), len(text)),
                hint="close it with `}}`; quote the whole text when it holds ` #` or `: `",
            )
        parts.append(Part(text[found.end() : end], found.end(), True))
        at = end + 2
    if at < len(text):
        parts.append(Part(text[at:], at, False))
    return parts, None


def _too_large(message: str, limit: int, text: str) -> StaticFault:
    start = text.find("${{")
    hint = f"keep it below {limit:,}, or split it with `let`"
    return StaticFault(code="E207", message=message, extent=(start, start + 3), hint=hint, label="too large")


def _closing(text: str, start: int) -> int | None:
    """Where the `}}` of an expression stands: not in a string, not one that closes a dict."""
    depth, at = 0, start
    while found := _INSIDE.search(text, at):
        token, at = found.group(), found.end()
        if token == "}}" and depth == 0:
            return found.start()
        if token in ("}}", "}"):
            depth -= 1
            at = found.start() + 1
        depth += token == "{"
        depth = max(depth, 0)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One scalar with expressions, compiled. `faults` are offsets in the scalar's value, not yet reported.

    `evaluate` raises `TemplateFault` or Poisoned.
    """

    node: ScalarNode
    evaluate: Closure
    slots: frozenset[int]
    faults: tuple[StaticFault, ...]


class TemplateFault(Exception):
    """An `ExprFault` and the scalar where it happened; `start` and `end` are offsets in the scalar's value."""

    def __init__(self, node: ScalarNode, fault: ExprFault, start: int, end: int) -> None:
        super().__init__(fault.message)
        self.node = node
        self.fault = fault
        self.start = start
        self.end = end


def compile_scalar(node: ScalarNode, trees: SyntaxTrees, scope: Scope) -> Template:
    """Compile the expressions of one scalar."""
    assert isinstance(node.value, str), "only texts hold expressions"
    if (symbol := _lone_reference(node.value, scope)) is not None:
        return Template(node=node, evaluate=_constant(symbol), slots=_NO_SLOTS, faults=())
    if scope.budget.is_spent:
        return Template(node=node, evaluate=poison, slots=_NO_SLOTS, faults=())
    parts, fault = split(node.value)
    faults = [fault] if fault else []
    slots: set[int] = set()
    pieces: list[str | Closure] = []
    for part in parts:
        if not part.is_expression:
            pieces.append(part.text)
            faults.extend(_bare(part))
            continue
        tree = trees.parse(part.text)
        if isinstance(tree, StaticFault):
            faults.append(_shift(tree, part.start))
            continue
        compiled = compile_expression(tree, scope)
        slots |= compiled.slots
        faults.extend(_shift(found, part.start) for found in compiled.faults)
        pieces.append(_placed(node, compiled.evaluate, part))
    is_lone = len(parts) == 1 and parts[0].is_expression
    if faults:
        evaluate: Closure = poison
    elif is_lone and callable(pieces[0]):
        evaluate = pieces[0]
    else:
        evaluate = _text(node, pieces, scope.budget)
    return Template(node=node, evaluate=evaluate, slots=frozenset(slots), faults=tuple(faults))


def _bare(part: Part) -> Iterator[StaticFault]:
    """E211: an expression without its dollar sign, in a text where YAML takes it for one."""
    for found in _BARE.finditer(part.text):
        message = "`{{ }}` without a dollar sign is text, not an expression"
        extent = part.start + found.start(), part.start + found.end()
        yield StaticFault(code="E211", message=message, extent=extent, hint=f"write ${found.group()}")


def _lone_reference(text: str, scope: Scope) -> object | None:
    """What `${{ tasks.name }}` refers to, which is most of what flat manifests hold; None for any other scalar.

    One that is wrong goes the long way, where it is explained.
    """
    found = _LONE_REFERENCE.fullmatch(text)
    if found is None or scope.is_reused:
        return None
    try:
        return scope.reference(found.group(1))
    except (KeyError, Poisoned, ExprFault):
        return None


def _shift(fault: StaticFault, by: int) -> StaticFault:
    start, end = fault.extent
    return StaticFault(
        code=fault.code, message=fault.message, extent=(start + by, end + by), hint=fault.hint, label=fault.label
    )


def _placed(node: ScalarNode, closure: Closure, part: Part) -> Closure:
    stripped = part.text.strip()
    lead = len(part.text) - len(part.text.lstrip())

    def evaluate(frame: Frame) -> object:
        try:
            return closure(frame)
        except ExprFault as fault:
            start, end = fault.extent or (lead, lead + len(stripped))
            raise TemplateFault(node, fault, part.start + start, part.start + end) from None

    return evaluate


def _text(node: ScalarNode, pieces: list[str | Closure], budget: Budget) -> Closure:
    """A scalar with text around its expressions."""
    parts, _ = split(str(node.value))

    def evaluate(frame: Frame) -> object:
        found: list[str] = []
        for piece, part in zip(pieces, parts, strict=False):
            if isinstance(piece, str):
                found.append(piece)
                continue
            try:
                found.append(operators.as_text(piece(frame)))
            except ExprFault as fault:
                lead = len(part.text) - len(part.text.lstrip())
                begin = part.start + lead
                raise TemplateFault(node, fault, begin, begin + len(part.text.strip())) from None
        try:
            check_text(sum(map(len, found)), budget)
        except ExprFault as fault:
            raise TemplateFault(node, fault, 0, len(str(node.value))) from None
        return "".join(found)

    return evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeTemplate:
    """A tree of nodes, compiled. `leaves` are its scalars with expressions; without any, `constant` is its value."""

    node: Node
    evaluate: Closure
    leaves: tuple[Template, ...]
    slots: frozenset[int]

    @property
    def is_constant(self) -> bool:
        return not self.leaves


def constant_tree(node: Node) -> TreeTemplate:
    """A tree without expressions."""
    return TreeTemplate(node=node, evaluate=_constant(to_plain(node)), leaves=(), slots=_NO_SLOTS)


def compile_tree(node: Node, trees: SyntaxTrees, scope: Scope) -> TreeTemplate:
    """Compile every expression of a tree. Faults stay in `leaves`; such a tree is poison."""
    leaves: list[Template] = []

    def visit(part: Node) -> Callable[[Frame], object]:
        match part:
            case ScalarNode():
                if not _is_template(part.value):
                    return _constant(part.value)
                leaves.append(compile_scalar(part, trees, scope))
                return leaves[-1].evaluate
            case SequenceNode():
                items = [visit(item) for item in part.items]
                return lambda frame: [item(frame) for item in items]
            case MappingNode():
                pairs = [(str(key.value), visit(value)) for key, value in zip(part.keys, part.values, strict=True)]
                return lambda frame: {key: value(frame) for key, value in pairs}

    evaluate = visit(node)
    slots = frozenset(slot for leaf in leaves for slot in leaf.slots)
    return TreeTemplate(node=node, evaluate=evaluate, leaves=tuple(leaves), slots=slots)


def _constant(value: object) -> Closure:
    return lambda frame: value


def syntax_trees(node: Node, trees: SyntaxTrees) -> Iterator[SyntaxTree]:
    """The parsed expressions of a tree that parse, for finding what they depend on."""
    for scalar in scalars(node):
        if isinstance(scalar.value, str) and "${{" in scalar.value:
            for part in split(scalar.value)[0]:
                tree = trees.parse(part.text) if part.is_expression else None
                if isinstance(tree, SyntaxTree):
                    yield tree
