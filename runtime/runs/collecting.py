"""The outputs of a run that is done, read from the store and put into the manifest's shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from runtime.ports import Reference
from runtime.results import Sources, assemble, result_slots
from runtime.runs.session import Session

SLOTS_PER_FETCH = 500


class TargetGone(Exception):
    """A target was stored and cannot be read any more."""


def read_targets(session: Session) -> dict[str, bytes]:
    """The sealed values of the result, by slot. Raises `TargetGone`."""
    values = session.backend.values
    unique = list(dict.fromkeys(_slots(session)))
    found: dict[str, bytes] = {}
    for first in range(0, len(unique), SLOTS_PER_FETCH):
        part = unique[first : first + SLOTS_PER_FETCH]
        for slot, stored in zip(part, values.fetch(part), strict=True):
            sealed = values.get_large(stored.key) if isinstance(stored, Reference) else stored
            if sealed is None:
                raise TargetGone(slot)
            found[slot] = sealed
    return found


def make_result(session: Session, sealed: Mapping[str, bytes], inputs: Mapping[str, object]) -> object:
    """The result in the manifest's shape. Raises `SignatureInvalid`, and what unpickling raises."""
    bundle = session.bundle
    values = {slot: session.trust.open_value(slot, data) for slot, data in sealed.items()}
    if bundle.result_kind == "sinks":
        return values
    literals = {digest: json.loads(bundle.blob(digest)) for digest in bundle.literals}
    sources = Sources(values=values, literals=literals, inputs=inputs)
    return assemble(bundle.result, result_slots(bundle.result_edges), sources)


def _slots(session: Session) -> Iterable[str]:
    bundle = session.bundle
    return session.targets if bundle.result_kind == "sinks" else result_slots(bundle.result_edges)
