"""Names that may not be used, and texts that YAML readers disagree about: what a schema cannot check in a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.diagnostics import Diagnostic, Related, enough
from compiler.manifest.claims import check_optimize
from compiler.manifest.patterns import check_pattern
from compiler.manifest.precheck import is_expression
from compiler.manifest.ranges import check_ranges
from compiler.manifest.resolver import other_reading
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from compiler.manifest.variables import check_variables

RESERVED = frozenset({"params", "inputs", "tasks"})
"""The roots of expressions."""

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none"})
"""Words of the expression grammar."""

_PATTERN_HINT = "escape its special characters; look-around and back-references are not understood"
_UNTYPED_TASK_FIELDS = frozenset({"args", "with", "foreach"})


def check_names(tree: MappingNode) -> list[Diagnostic]:
    """E111 for reserved and hidden names, E204 and E208 in params, E108, E305, E505, W014."""
    return enough(_all(tree))


def _all(tree: MappingNode) -> Iterator[Diagnostic]:
    lets = {str(key.value): key for key, _ in _pairs(tree.get("let"))}
    yield from _reserved("a `let` name", lets.values())
    for section in ("let", "outputs"):
        for _, value in _pairs(tree.get(section)):
            yield from _ambiguous(value)
    if (result := tree.get("result")) is not None:
        yield from _ambiguous(result)
    for section in ("params", "inputs"):
        for key, value in _pairs(tree.get(section)):
            yield from _check_param(key, value)
    for _, value in _pairs(tree.get("functions")):
        yield from _check_task(value, lets)
    for key, value in _pairs(tree.get("tasks")):
        if not str(key.value).startswith("x-"):
            yield from _reserved("a task", [key])
            yield from _check_task(value, lets)
    yield from _check_options(tree.get("defaults"))
    yield from check_optimize(tree.get("optimize"), is_of_task=False)


def _pairs(node: Node | None) -> Iterator[tuple[ScalarNode, Node]]:
    return zip(node.keys, node.values, strict=True) if isinstance(node, MappingNode) else iter(())


def _reserved(what: str, keys: Iterable[ScalarNode]) -> Iterator[Diagnostic]:
    for key in keys:
        if key.value in RESERVED or key.value in KEYWORDS:
            why = "is a root of expressions" if key.value in RESERVED else "is a word of the expression language"
            message = f"`{key.value}` {why} and cannot name {what}"
            yield Diagnostic(code="E111", message=message, span=key.span, hint="choose another name")


def _check_task(node: Node, lets: dict[str, ScalarNode]) -> Iterator[Diagnostic]:
    for key, value in _pairs(node):
        if key.value == "foreach":
            yield from _check_loop_variables(value, lets)
        if key.value == "fanout":
            yield from check_ranges("fanout", value)
        if key.value in ("after", "extends"):
            yield from _computed_names(value)
        if key.value in _UNTYPED_TASK_FIELDS:
            yield from _ambiguous(value)
        if key.value == "exec" and isinstance(value, MappingNode) and (stdin := value.get("stdin")) is not None:
            yield from _ambiguous(stdin)
    yield from _check_options(node)


def _check_options(node: Node | None) -> Iterator[Diagnostic]:
    if not isinstance(node, MappingNode):
        return
    if (retry := node.get("retry")) is not None:
        yield from check_ranges("retry", retry)
    if (optimize := node.get("optimize")) is not None:
        yield from check_optimize(optimize, is_of_task=True)
    yield from check_variables(node.get("env"))
    on_error = node.get("on_error")
    if isinstance(on_error, MappingNode) and (handler := on_error.get("task")) is not None:
        yield from _computed_names(handler)
    if isinstance(on_error, MappingNode) and (value := on_error.get("value")) is not None:
        yield from _ambiguous(value)


def _computed_names(node: Node) -> Iterator[Diagnostic]:
    for scalar in _scalars(node):
        if is_expression(scalar):
            message = "the name of a task cannot be computed"
            yield Diagnostic(code="E305", message=message, span=scalar.span, hint="write the name of one task")


def _check_loop_variables(foreach: Node, lets: dict[str, ScalarNode]) -> Iterator[Diagnostic]:
    seen: dict[str, ScalarNode] = {}
    for key, _ in _pairs(foreach):
        for name in (part.strip() for part in str(key.value).split(",")):
            renamed = ScalarNode(name, key.span, name)
            yield from _reserved("a loop variable", [renamed])
            for what, known in (("`let` name", lets), ("loop variable", seen)):
                if name in known:
                    related = (Related(span=known[name].span, message=f"the {what} is here"),)
                    message = f"loop variable `{name}` hides the {what} `{name}`"
                    hint = "choose another name"
                    yield Diagnostic(code="E111", message=message, span=key.span, hint=hint, related=related)
            seen[name] = key


def _check_param(key: ScalarNode, node: Node) -> Iterator[Diagnostic]:
    if not isinstance(node, MappingNode):
        yield from _literal(key, node)
        yield from _ambiguous(node)
        return
    default, enum = node.get("default"), node.get("enum")
    if default is not None:
        yield from _literal(key, default)
    if isinstance(declared := node.get("type"), ScalarNode) and declared.value == "any":
        yield from (found for value in (default, enum) if value is not None for found in _ambiguous(value))
    pattern = node.get("pattern")
    if isinstance(pattern, ScalarNode) and isinstance(pattern.value, str):
        try:
            check_pattern(pattern.value)
        except ValueError:
            message = f"the pattern of `{key.value}` is not a regular expression"
            yield Diagnostic(code="E208", message=message, span=pattern.span, hint=_PATTERN_HINT)


def _literal(key: ScalarNode, node: Node) -> Iterator[Diagnostic]:
    for scalar in _scalars(node):
        if is_expression(scalar):
            message = f"the default of `{key.value}` is a literal: an expression cannot stand here"
            yield Diagnostic(code="E204", message=message, span=scalar.span, hint="compute the value in `let`")


def _ambiguous(node: Node) -> Iterator[Diagnostic]:
    for scalar in _scalars(node):
        if scalar.style or not isinstance(scalar.value, str):
            continue
        if (reading := other_reading(scalar.value)) is not None:
            message = f"`{scalar.value}` is a text here, and {reading} to YAML 1.1 tools"
            yield Diagnostic(code="W014", message=message, span=scalar.span, hint=_unambiguous(scalar.value, reading))


def _unambiguous(text: str, reading: str) -> str:
    quoted = f'write "{text}"'
    if reading != "a boolean":
        return quoted
    return f"{quoted} for the text, {'true' if text.lower() in ('yes', 'on') else 'false'} for the boolean"


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    else:
        for item in node.items if isinstance(node, SequenceNode) else node.values:
            yield from _scalars(item)
