"""What the tree builder keeps while a collection is open, and what it remembers of an anchor."""

from __future__ import annotations

from compiler.diagnostics import Span
from compiler.manifest.tree import Node, ScalarNode


class Frame:
    """A collection being built. `key` is the key that waits for its value; `seen` are the keys of a mapping so far.

    `start` is its offset in the file, `spoiled` is where it was found to be no collection at all.
    """

    __slots__ = (
        "anchor",
        "count",
        "drop_next",
        "height",
        "is_flow",
        "is_mapping",
        "key",
        "keys",
        "seen",
        "spoiled",
        "start",
        "values",
    )

    def __init__(self, start: int, anchor: str | None, is_mapping: bool, is_flow: bool) -> None:
        self.start = start
        self.anchor = anchor
        self.is_mapping = is_mapping
        self.is_flow = is_flow
        self.key: ScalarNode | None = None
        self.drop_next = False
        self.spoiled: Span | None = None
        self.keys: list[ScalarNode] = []
        self.values: list[Node] = []
        self.seen: dict[str, ScalarNode] = {}
        self.height = 1
        self.count = 1

    def take(self, node: Node) -> None:
        """An item of a sequence, or the value of the key that waits."""
        if not self.is_mapping:
            self.values.append(node)
        elif self.key is not None:
            self.keys.append(self.key)
            self.values.append(node)
            self.key = None
        else:
            self.drop_next = False


class Anchored:
    """A finished node with its name: how many nodes it expands to, and how deep it is."""

    __slots__ = ("count", "height", "node")

    def __init__(self, node: Node, count: int, height: int) -> None:
        self.node = node
        self.count = count
        self.height = height
