"""How large a value that is not serialised would about be: a guess at small, constant cost that runs no user code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

SAMPLE = 4
ATTRIBUTES = 8
DEPTH = 3
EACH = 2
"""Bytes of a pickle that mark an element."""


def estimated_bytes(value: object, depth: int = DEPTH) -> int:
    """Exact for what has a length in bytes, from a few elements for containers, from a few attributes for objects, the
    memory of its head for the rest."""
    sizer = _SIZERS.get(type(value))
    if sizer is not None:
        return sizer(value)
    if type(value) in _CONTAINERS and depth:
        return _of_container(value, depth - 1)
    try:
        return memoryview(value).nbytes  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError, NotImplementedError):
        return object.__sizeof__(value) + (_of_attributes(value, depth - 1) if depth else 0)


def _of_attributes(value: object, depth: int) -> int:
    return sum([estimated_bytes(one, depth) for one in islice(_attributes(value), ATTRIBUTES)])


def _attributes(value: object) -> Iterator[object]:
    """What an object keeps in its slots and its dict, read past whatever its class makes of them."""
    for part in type.__getattribute__(type(value), "__mro__"):
        for name, member in type.__getattribute__(part, "__dict__").items():
            if name == "__dict__" and type(member) is GetSetDescriptorType:
                yield from tuple(islice(member.__get__(value).values(), ATTRIBUTES))
            elif type(member) is MemberDescriptorType:
                try:
                    yield member.__get__(value)
                except AttributeError:  # a slot that nothing was put into
                    continue


def _of_container(value: Any, depth: int) -> int:
    parts: Iterable[object] = value.items() if type(value) is dict else value
    sample = [
        estimated_bytes(one, depth) + EACH if type(value) is not dict else _of_pair(one, depth)
        for one in islice(parts, SAMPLE)
    ]
    return EACH + (sum(sample) * len(value) // len(sample) if sample else 0)


def _of_pair(pair: Any, depth: int) -> int:
    key, value = pair
    return estimated_bytes(key, depth) + estimated_bytes(value, depth) + 2 * EACH


def _one(value: object) -> int:
    return 1


def _int(value: int) -> int:
    return 3 + (value.bit_length() >> 3)


def _float(value: object) -> int:
    return 9


_SIZERS: dict[type, Callable[[Any], int]] = {
    type(None): _one,
    bool: _one,
    int: _int,
    float: _float,
    complex: lambda _: 18,
    str: len,
    bytes: len,
    bytearray: len,
}
_CONTAINERS = (list, tuple, dict, set, frozenset)
