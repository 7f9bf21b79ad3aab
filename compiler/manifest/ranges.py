"""What a schema cannot say about one value: how its parts relate."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Related
from compiler.manifest.claims import check_optimize
from compiler.manifest.tree import MappingNode, Node, ScalarNode
from runtime.quantities import parse_duration


def check_ranges(definition: str, node: Node) -> list[Diagnostic]:
    """E108 for a `retry` or `fanout` whose bounds cross, E505 for repetition in `optimize`; nothing for the others."""
    match definition:
        case "retry" if isinstance(node, MappingNode):
            return list(_delays(node))
        case "fanout" if isinstance(node, MappingNode):
            return list(_widths(node))
        case "optimize":
            return list(check_optimize(node, is_of_task=False))
        case _:
            return []


def _delays(node: MappingNode) -> Iterator[Diagnostic]:
    delay_node, longest_node = node.get("delay"), node.get("max_delay")
    delay, longest = _seconds(delay_node), _seconds(longest_node)
    if delay is None or longest is None or delay <= longest or delay_node is None or longest_node is None:
        return
    related = (Related(span=longest_node.span, message="the longest wait is here"),)
    hint = "make `delay` shorter, or `max_delay` longer"
    message = "`delay` is longer than `max_delay`"
    yield Diagnostic(code="E108", message=message, span=delay_node.span, hint=hint, related=related)


def _widths(node: MappingNode) -> Iterator[Diagnostic]:
    expected_node, most_node = node.get("expect"), node.get("max")
    expected, most = _count(expected_node), _count(most_node)
    if expected is None or most is None or expected <= most or expected_node is None or most_node is None:
        return
    related = (Related(span=most_node.span, message="the most are here"),)
    message = f"`expect` is {expected}, more than the {most} that `max` allows"
    hint = "make `expect` smaller, or `max` larger"
    yield Diagnostic(code="E108", message=message, span=expected_node.span, hint=hint, related=related)


def _seconds(node: Node | None) -> float | None:
    """The seconds of a written duration; None when it is missing, an expression, or no duration."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    try:
        return parse_duration(node.value)
    except ValueError:
        return None


def _count(node: Node | None) -> int | None:
    value = node.value if isinstance(node, ScalarNode) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
