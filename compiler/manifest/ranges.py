"""What a schema cannot say about one value: how its parts relate."""

from __future__ import annotations

from compiler.diagnostics import Diagnostic, Related
from compiler.manifest.tree import MappingNode, Node, ScalarNode
from runtime.quantities import parse_duration


def check_ranges(definition: str, node: Node) -> list[Diagnostic]:
    """E108 for a `retry` whose delay is longer than its longest wait; nothing for the other definitions."""
    if definition != "retry" or not isinstance(node, MappingNode):
        return []
    delay, longest = _seconds(node.get("delay")), _seconds(node.get("max_delay"))
    delay_node, longest_node = node.get("delay"), node.get("max_delay")
    if delay is None or longest is None or delay <= longest or delay_node is None or longest_node is None:
        return []
    message = "`delay` is longer than `max_delay`"
    related = (Related(span=longest_node.span, message="the longest wait is here"),)
    hint = "make `delay` shorter, or `max_delay` longer"
    return [Diagnostic(code="E108", message=message, span=delay_node.span, hint=hint, related=related)]


def _seconds(node: Node | None) -> float | None:
    """The seconds of a written duration; None when it is missing, an expression, or no duration."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    try:
        return parse_duration(node.value)
    except ValueError:
        return None
