"""Values of a task's own: what it does to them no other task sees, nor the next attempt of the same one.

Tasks of one worker would else share what is in its memory, and a result would depend on where a task runs.
"""

from __future__ import annotations

from types import NoneType

from runtime.errors import NotSerializable
from runtime.values.packing import Packing, pack_value, unpack_value
from runtime.values.trust import Packed

CONSTANTS = frozenset({NoneType, bool, int, float, complex, str, bytes})
"""Types whose values cannot be changed, so that any number of tasks may have one."""


def own_copy(value: object) -> object:
    """What another worker would get: read-only memory is shared, and so is what cannot be pickled."""
    return value if type(value) in CONSTANTS else Shared(value).copy()


class Shared:
    """A value that is taken more than once, live or as it came; it is serialised once, or has been."""

    __slots__ = ("_packing", "_value")

    def __init__(self, value: object, packing: Packing | None = None) -> None:
        self._value = value
        self._packing = value.packing if isinstance(value, Packed) else packing

    def whole(self) -> object:
        """The value itself, to be looked at and to copy a part of; unpickles what came from elsewhere."""
        if isinstance(self._value, Packed):
            self._value = self.copy()
        return self._value

    def copy(self) -> object:
        """One of the caller's own."""
        try:
            packing = self._packing = self._packing or pack_value(self._value)
        except NotSerializable:
            return self._value
        return unpack_value(_isolated(packing))


def _isolated(packing: Packing) -> Packing:
    buffers = [buffer if buffer.readonly else memoryview(bytearray(buffer)) for buffer in packing.buffers]
    return packing._replace(buffers=buffers)
