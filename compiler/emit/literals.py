"""Large literals become blobs of their own, stored once however many tasks use them."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.emit.canonical import canonical_json, digest_of
from runtime.plan import Blob, Condition, Input, Ref, Secret, Value

LITERAL_BYTES = 32 * 1024
"""A literal whose canonical JSON is longer than this becomes a blob."""


class Literals:
    """Collects the blobs on the way. A tree that holds a reference or an input is not taken whole, its parts are."""

    def __init__(self, limit: int = LITERAL_BYTES) -> None:
        self.limit = limit
        self.blobs: dict[str, bytes] = {}

    def args(self, args: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple([self.value(value) for value in args])

    def kwargs(self, kwargs: Mapping[str, Value]) -> Mapping[str, Value]:
        return {name: self.value(value) for name, value in kwargs.items()}

    def value(self, value: Value) -> Value:
        """`value` with each of its large literals replaced by a `Blob`."""
        if isinstance(value, Condition):
            return Condition(value.operator, tuple(map(self.value, value.operands)))
        if not isinstance(value, (str, list, tuple, dict)):
            return value
        if isinstance(value, str) and len(value) * 12 <= self.limit:
            return value
        if not _has_reference(value):
            data = canonical_json(value)
            return value if len(data) <= self.limit else self._blob(data)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        assert isinstance(value, (list, tuple)), "a string holds no reference"
        return [self.value(item) for item in value]

    def _blob(self, data: bytes) -> Blob:
        digest = digest_of(data)
        self.blobs[digest] = data
        return Blob(digest)


def _has_reference(value: Value) -> bool:
    stack = [value]
    while stack:
        match stack.pop():
            case Ref() | Blob() | Input() | Secret():
                return True
            case list() | tuple() as items:
                stack.extend(items)
            case dict() as items:
                stack.extend(items.values())
    return False
