"""Nodes as plain data, and plain data as nodes that keep the places of the text it came from."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.diagnostics import Span
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode


def to_plain(node: Node) -> object:
    """The value of a node as None, bool, int, float, str, list and dict."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [to_plain(item) for item in node.items]
    return {str(key.value): to_plain(value) for key, value in zip(node.keys, node.values, strict=True)}


def to_node(value: object, place: Span | Node) -> Node:
    """`value` as a node whose parts stand where the same parts of `place` do, else at the nearest place around them."""
    span = place if isinstance(place, Span) else place.span
    if isinstance(value, Mapping):
        known = {key.value: key for key in place.keys} if isinstance(place, MappingNode) else {}
        keys = tuple(known.get(str(key)) or ScalarNode(str(key), span, str(key), "'") for key in value)
        values = tuple(to_node(item, _inside(place, str(key)) or place) for key, item in value.items())
        return MappingNode(keys, values, span)
    if isinstance(value, (list, tuple)):
        items = place.items if isinstance(place, SequenceNode) and len(place.items) == len(value) else None
        return SequenceNode(tuple(to_node(item, items[at] if items else place) for at, item in enumerate(value)), span)
    if value is None or isinstance(value, (bool, int, float, str)):
        return ScalarNode(value, span, str(value), "'")
    raise TypeError(f"a {type(value).__name__} is no plain value")


def _inside(place: Span | Node, key: str) -> Node | None:
    return place.get(key) if isinstance(place, MappingNode) else None
