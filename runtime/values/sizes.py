"""How large a value that is not serialised would about be: a guess at small, constant cost that runs no user code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

SAMPLE = 4
DEPTH = 3
EACH = 2
"""Bytes of a pickle that mark an element."""


def estimated_bytes(value: object, depth: int = DEPTH) -> int:
    """Exact for what has a length in bytes, from a few elements for containers, the memory of its head for the rest."""
    sizer = _SIZERS.get(type(value))
    if sizer is not None:
        return sizer(value)
    if type(value) in _CONTAINERS and depth:
        return _of_container(value, depth - 1)
    try:
        return memoryview(value).nbytes  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError, NotImplementedError):
        return object.__sizeof__(value)


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
