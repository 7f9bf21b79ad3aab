"""A stored value read whole: fetched where its reference points, verified, not yet unpickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from runtime.ports import Reference, ValueStore
from runtime.values.bulk import Bulk, ChunkGone
from runtime.values.packing import Buffer
from runtime.values.trust import Packed, Trust

Chunks = Iterable[Buffer | None]


def read_stored(
    values: ValueStore,
    trust: Trust,
    slot: str,
    stored: bytes | Reference | None,
    *,
    passing: Callable[[Chunks], Chunks] = lambda chunks: chunks,
) -> Packed | None:
    """The value of `slot`; None when it, or a part of it, is not in the store. Chunks come through `passing`.

    Raises `SignatureInvalid` (E606) for anything that is not this slot's value of this run.
    """
    sealed = values.get_large(stored.key) if isinstance(stored, Reference) else stored
    if isinstance(sealed, Bulk):
        sealed = replace(sealed, chunks=passing(sealed.chunks))
    try:
        return None if sealed is None else trust.verify_value(slot, sealed)
    except ChunkGone:
        return None
