"""The outputs of a run that is done, read from the store and put into the manifest's shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from runtime.results import Sources, assemble, result_slots
from runtime.runs.session import Session
from runtime.values.reading import read_stored
from runtime.values.trust import Packed, unpickled

SLOTS_PER_FETCH = 500


class TargetGone(Exception):
    """A target was stored and cannot be read any more."""


def read_targets(session: Session) -> dict[str, Packed]:
    """The verified values of the result, by slot. Raises `TargetGone`, and `SignatureInvalid` (E606)."""
    values = session.backend.values
    unique = list(dict.fromkeys(_slots(session)))
    found: dict[str, Packed] = {}
    for first in range(0, len(unique), SLOTS_PER_FETCH):
        part = unique[first : first + SLOTS_PER_FETCH]
        for slot, stored in zip(part, values.fetch(part), strict=True):
            packed = read_stored(values, session.trust, slot, stored)
            if packed is None:
                raise TargetGone(slot)
            found[slot] = packed
    return found


def make_result(session: Session, packed: Mapping[str, Packed], inputs: Mapping[str, object]) -> object:
    """The result in the manifest's shape. Raises ValueUnreadable."""
    bundle = session.bundle
    values = {slot: unpickled(slot, value.unpack) for slot, value in packed.items()}
    if bundle.result_kind == "sinks":
        return values
    literals = {digest: json.loads(bundle.blob(digest)) for digest in bundle.literals}
    sources = Sources(values=values, literals=literals, inputs=inputs)
    return assemble(bundle.result, result_slots(bundle.result_edges), sources)


def _slots(session: Session) -> Iterable[str]:
    bundle = session.bundle
    return session.targets if bundle.result_kind == "sinks" else result_slots(bundle.result_edges)
