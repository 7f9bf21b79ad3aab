"""The tree of a YAML file: scalars, sequences and mappings, each with its place. Nothing here knows the grammar.

A manifest of 100,000 tasks has over a million nodes, and few of their places are ever asked for: a node from a file
keeps offsets into it, and makes its `span` when somebody wants to know. Nodes are not changed once they are built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from compiler.diagnostics import Span
from compiler.manifest.lines import Ruler

Scalar = Union[None, bool, int, float, str]


Place = Union[Span, tuple[Ruler, int, int]]
"""Where a node stands: a span, or the offsets of its start and of its end (exclusive) in a file."""


class _Located:
    """What has a place."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def span(self) -> Span:
        place = self._place
        if isinstance(place, tuple):
            ruler, start, end = place
            place = self._place = ruler.span(start, end)
        return place


class ScalarNode(_Located):
    """A scalar, resolved by the YAML 1.2 core schema. `raw` is its text as written between the quotes.

    `style` is "" for a plain scalar, else "'", '"', "|" or ">".
    """

    __slots__ = ("raw", "style", "value")

    def __init__(self, value: Scalar, span: Place, raw: str, style: str = "") -> None:
        self.value = value
        self._place = span
        self.raw = raw
        self.style = style


class SequenceNode(_Located):
    """The items of a list."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Node, ...], span: Place) -> None:
        self.items = items
        self._place = span


class MappingNode(_Located):
    """Keys are strings, unique, in file order. `keys` are the key scalars, `values` their values, in parallel."""

    __slots__ = ("keys", "values")

    def __init__(self, keys: tuple[ScalarNode, ...], values: tuple[Node, ...], span: Place) -> None:
        self.keys = keys
        self.values = values
        self._place = span

    def get(self, key: str) -> Node | None:
        for at, node in enumerate(self.keys):
            if node.value == key:
                return self.values[at]
        return None


class KeySpans(Mapping[str, Span]):
    """Where the keys of a mapping stand, by their names; a place is made when it is asked for."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[ScalarNode, ...]) -> None:
        self._keys = keys

    def __getitem__(self, name: str) -> Span:
        for key in self._keys:
            if key.value == name:
                return key.span
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (str(key.value) for key in self._keys)

    def __len__(self) -> int:
        return len(self._keys)


Node = Union[ScalarNode, SequenceNode, MappingNode]


def pairs_of(node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
    """The keys of a mapping with their values, as written."""
    return zip(node.keys, node.values, strict=True)
