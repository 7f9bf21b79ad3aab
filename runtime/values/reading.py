"""Stored values read whole: fetched where their references point, verified, not yet unpickled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from runtime.ports import Reference, ValueStore
from runtime.values.bulk import Bulk, ChunkGone, Sealed
from runtime.values.trust import Packed, Trust

T = TypeVar("T")


class Passing(Protocol):
    """Hands on what comes from the store, piece by piece: whoever reads for long can do something meanwhile."""

    def __call__(self, pieces: Iterable[T], /) -> Iterable[T]: ...


def _at_once(pieces: Iterable[T], /) -> Iterable[T]:
    return pieces


def read_all(
    values: ValueStore,
    trust: Trust,
    found: Mapping[str, bytes | Reference | None],
    *,
    passing: Passing = _at_once,
) -> Iterator[tuple[str, Packed | None]]:
    """Each slot with its value; None when it, or a part of it, is not in the store.

    Raises `SignatureInvalid` (E606) for anything that is not this slot's value of this run.
    """
    large = iter(passing(values.each_large([one.key for one in found.values() if isinstance(one, Reference)])))
    for slot, stored in found.items():
        sealed = next(large) if isinstance(stored, Reference) else stored
        yield slot, None if sealed is None else _verified(trust, slot, sealed, passing)


def read_stored(values: ValueStore, trust: Trust, slot: str, stored: bytes | Reference | None) -> Packed | None:
    """The value of one slot, as `read_all`."""
    ((_, value),) = read_all(values, trust, {slot: stored})
    return value


def _verified(trust: Trust, slot: str, sealed: Sealed, passing: Passing) -> Packed | None:
    if isinstance(sealed, Bulk):
        sealed = replace(sealed, chunks=passing(sealed.chunks))
    try:
        return trust.verify_value(slot, sealed)
    except ChunkGone:
        return None
