"""How a value becomes bytes and a value again: pickle protocol 5, or cloudpickle for what that refuses.

Large buffers (arrays, and `bytes` that are found without looking far) are not copied into the pickle: they
stand beside it, and become the new value's memory where they are read. What is signed, cut and stored is
`runtime.values.envelope`'s and `runtime.values.bulk`'s business.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from runtime.errors import NotSerializable
from runtime.values.envelope import Codec

BULK_BYTES = 1024 * 1024
"""Buffers from this size on stand beside the pickle."""

PICKLE_FAULTS = (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError, NotImplementedError)
SEARCH_LIMIT = 10_000
SHOWN_PATH_CHARS = 80
LOOKED_AT = 64
CONTAINERS = (list, tuple, dict)
Buffer = bytes | bytearray | memoryview


class Packing(NamedTuple):
    """A value as bytes. `buffers` are parts of its own memory: of arrays, then, `outlined`, whole `bytes` objects."""

    codec: Codec
    stream: bytes | memoryview
    buffers: Sequence[memoryview] = ()
    outlined: Sequence[bytes] = ()


def pack_value(value: object) -> Packing:
    """`value` as bytes: pickle protocol 5, or cloudpickle when that fails.

    Raises NotSerializable that names the part which cannot be pickled, and why.
    """
    buffers: list[memoryview] = []
    try:
        if _has_large_bytes(value):
            return _outlining(value)
        return Packing(Codec.PICKLE, pickle.dumps(value, protocol=5, buffer_callback=_sorter(buffers)), buffers)
    except PICKLE_FAULTS:
        return _cloudpickled(value)


def unpack_value(packing: Packing) -> object:
    """The inverse of `pack_value`. What is in `packing` must come out of an envelope."""
    assert packing.codec in (Codec.PICKLE, Codec.CLOUDPICKLE), f"{packing.codec.name} is no codec of values"
    if packing.outlined:
        return _Unpickler(packing).load()
    return pickle.loads(packing.stream, buffers=packing.buffers)


def _sorter(buffers: list[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    """Whether a buffer goes into the pickle; one that does not is appended to `buffers`."""

    def is_inside(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:
            return True
        if raw.nbytes < BULK_BYTES:
            return True
        buffers.append(raw)
        return False

    return is_inside


def _has_large_bytes(value: object) -> bool:
    """Whether large `bytes` are found without looking far, at any depth of containers."""
    if type(value) is bytes:
        return len(value) >= BULK_BYTES
    waiting = [value] if type(value) in CONTAINERS else []
    left = LOOKED_AT
    while waiting and left > 0:
        container = waiting.pop()
        items = list(islice(container.values() if isinstance(container, dict) else container, left))  # type: ignore[call-overload]
        left -= len(items) + 1
        for item in items:
            if type(item) is bytes and len(item) >= BULK_BYTES:
                return True
            if type(item) in CONTAINERS:
                waiting.append(item)
    return False


class _Pickler(pickle.Pickler):
    """Large `bytes` at any depth become persistent ids: their indices in `outlined`, each object once."""

    def __init__(self, file: io.BytesIO, buffers: list[memoryview]) -> None:
        super().__init__(file, protocol=5, buffer_callback=_sorter(buffers))
        self.outlined: list[bytes] = []
        self._index: dict[int, int] = {}

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not bytes or len(obj) < BULK_BYTES:
            return None
        index = self._index.setdefault(id(obj), len(self.outlined))
        if index == len(self.outlined):
            self.outlined.append(obj)
        return index


class _Unpickler(pickle.Unpickler):
    def __init__(self, packing: Packing) -> None:
        super().__init__(io.BytesIO(packing.stream), buffers=packing.buffers)
        self._outlined = packing.outlined

    def persistent_load(self, pid: int) -> bytes:
        return self._outlined[pid]


def _outlining(value: object) -> Packing:
    buffers: list[memoryview] = []
    file = io.BytesIO()
    pickler = _Pickler(file, buffers)
    pickler.dump(value)
    return Packing(Codec.PICKLE, file.getvalue(), buffers, pickler.outlined)


def _cloudpickled(value: object) -> Packing:
    import cloudpickle  # type: ignore[import-untyped]

    dumps: Callable[[object], bytes] = cloudpickle.dumps
    buffers: list[memoryview] = []
    try:
        stream = cloudpickle.dumps(value, protocol=5, buffer_callback=_sorter(buffers))
        return Packing(Codec.CLOUDPICKLE, stream, buffers)
    except PICKLE_FAULTS as err:
        path, part, reason = _culprit(value, dumps, err)
        where = f"its part {_short(path)} (a {type(part).__qualname__})" if path else f"a {type(part).__qualname__}"
        raise NotSerializable(
            f"the value cannot be stored: {where} cannot be pickled: {reason}",
            hint="return plain data, or give the class `__getstate__` or `__reduce__`",
        ) from err


def _short(path: str) -> str:
    return path if len(path) <= SHOWN_PATH_CHARS else f"{path[:SHOWN_PATH_CHARS]}…"


def _culprit(value: object, dumps: Callable[[object], bytes], err: Exception) -> tuple[str, object, str]:
    """The innermost part that fails by itself: its path from the value, itself, and the reason."""
    path, part, reason = "", value, err
    seen: set[int] = set()
    looked = 0
    inner = _parts(part)
    while True:
        found = next(inner, None)
        looked += 1
        if found is None or looked > SEARCH_LIMIT:
            return path, part, f"{type(reason).__name__}: {reason}"
        step, child = found
        if id(child) in seen:
            continue
        seen.add(id(child))
        failure = _failure(child, dumps)
        if failure is not None:
            path, part, reason, inner = path + step, child, failure, _parts(child)


def _failure(value: object, dumps: Callable[[object], bytes]) -> Exception | None:
    try:
        dumps(value)
    except PICKLE_FAULTS as err:
        return err
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """(how to write the step, the part) of containers and of objects with attributes."""
    if isinstance(value, dict):
        yield from ((f"[{name!r}]", item) for name, item in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif not isinstance(value, type):
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            yield from ((f".{name}", item) for name, item in attributes.items())
        for name in getattr(type(value), "__slots__", ()):
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)
