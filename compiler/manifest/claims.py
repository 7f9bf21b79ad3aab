"""Optimizations in one `optimize:` list that want the same decision: E505.

Which optimization gets an edge that several tasks lay claim to is decided by precedence when a plan is made; that is no
mistake. A list contradicts itself when it names an optimization twice, with perhaps other settings, or when one task is
told both to send its result while it is made and to keep it back. The list of the whole workflow is what tasks choose
from, so there only repetition counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Related
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode

_KEEPS_BACK = {
    "delayed-io": "holds the result back until it is needed",
    "clustering": "keeps the result here and runs its consumers beside it",
}
"""What contradicts `stream`, which sends the result while it is made."""


def check_optimize(node: Node | None, *, is_of_task: bool) -> Iterator[Diagnostic]:
    """E505 at each item of a list that an earlier one contradicts."""
    earlier: dict[str, Node] = {}
    for item in node.items if isinstance(node, SequenceNode) else ():
        name = directive_name(item)
        if name in earlier:
            yield _conflict(item, earlier[name], f"`{name}` stands here a second time", f"`{name}` is here")
        elif is_of_task:
            for other, place in earlier.items():
                yield from _contradiction(name, item, other, place)
        if name:
            earlier.setdefault(name, item)


def _contradiction(name: str, item: Node, other: str, place: Node) -> Iterator[Diagnostic]:
    pair = {name, other}
    for kept, why in _KEEPS_BACK.items():
        if pair == {"stream", kept}:
            message = f"`stream` sends the result while it is made, and `{kept}` {why}"
            yield _conflict(item, place, message, f"`{other}` is here")


def _conflict(item: Node, earlier: Node, message: str, label: str) -> Diagnostic:
    related = (Related(span=earlier.span, message=label),)
    return Diagnostic(code="E505", message=message, span=item.span, hint="keep one of the two", related=related)


def directive_name(item: Node) -> str:
    """The name of an optimization, written alone or with settings; "" for what another check refuses."""
    match item:
        case ScalarNode(value=str(name)):
            return "" if "${{" in name else name
        case MappingNode(keys=(key,)):
            return str(key.value)
    return ""
