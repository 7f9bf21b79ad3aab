"""The tree of a YAML file: scalars, sequences and mappings, each with its place. Nothing here knows the grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from compiler.diagnostics import Span

Scalar = Union[None, bool, int, float, str]


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode:
    """A scalar, resolved by the YAML 1.2 core schema. `raw` is its text as written between the quotes.

    `style` is "" for a plain scalar, else "'", '"', "|" or ">".
    """

    value: Scalar
    span: Span
    raw: str
    style: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SequenceNode:
    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class MappingNode:
    """Keys are strings, unique, in file order. `keys` are the key scalars, `values` their values, in parallel."""

    keys: tuple[ScalarNode, ...]
    values: tuple[Node, ...]
    span: Span

    def get(self, key: str) -> Node | None:
        for node, value in zip(self.keys, self.values, strict=True):
            if node.value == key:
                return value
        return None


Node = Union[ScalarNode, SequenceNode, MappingNode]
