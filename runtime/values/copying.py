"""A value of a task's own: what it does to it no other task sees, nor the next attempt of the same one.

Tasks of one worker would else share what is in its memory, and a result would depend on where a task runs.
"""

from __future__ import annotations

from types import NoneType

from runtime.errors import NotSerializable
from runtime.values.packing import Packing, pack_value, unpack_value

CONSTANTS = frozenset({NoneType, bool, int, float, complex, str, bytes})


def is_constant(value: object) -> bool:
    """The value cannot be changed, so that any number of tasks may have it."""
    return type(value) in CONSTANTS


def own_copy(value: object) -> object:
    """What another worker would get: read-only memory is shared, and so is what cannot be pickled."""
    if type(value) in CONSTANTS:
        return value
    try:
        return unpack_value(_isolated(pack_value(value)))
    except NotSerializable:
        return value


def _isolated(packing: Packing) -> Packing:
    buffers = [buffer if buffer.readonly else memoryview(bytearray(buffer)) for buffer in packing.buffers]
    return packing._replace(buffers=buffers)
