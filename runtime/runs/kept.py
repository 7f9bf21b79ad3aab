"""The result of a run that is over, kept beside its record: the sealed parts that it is made of.

Parts are named by what they are: `slot:<slot>`, `input:<name>`, `literal:<digest>`. They need no bundle to be put
together, so a result can be shown when the bundle's blobs are gone. Whoever keeps them unpickles nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from runtime.errors import RuntimeFault
from runtime.plan import Blob, Input, Leaf, Value, map_refs
from runtime.results import RunResult, Sources, assemble, result_slots
from runtime.runs.record import Outcome
from runtime.runs.session import Session
from runtime.values.trust import Packed, Trust

KEPT_BYTES = 4 * 1024 * 1024
"""A run whose launcher has shown the result keeps no larger one."""


def kept_parts(session: Session, slots: Mapping[str, Packed], inputs: Mapping[str, object]) -> dict[str, bytes]:
    """Everything that the result of a run is made of."""
    bundle, trust = session.bundle, session.trust
    parts = {f"slot:{slot}": trust.keep_value(slot, packed) for slot, packed in slots.items()}
    for leaf in _leaves(bundle.result):
        match leaf:
            case Input(name):
                parts[f"input:{name}"] = trust.keep_input(name, inputs[name])
            case Blob(digest):
                parts[f"literal:{digest}"] = trust.seal_blob(digest, bundle.blob(digest))
    return parts


def result_edges(session: Session) -> tuple[tuple[str, str | None], ...]:
    """The edges of the result; of sinks, which have none, their slots in order."""
    bundle = session.bundle
    return tuple((slot, None) for slot in session.targets) if bundle.result_kind == "sinks" else bundle.result_edges


def kept_result(outcome: Outcome, parts: Mapping[str, bytes], trust: Trust) -> RunResult:
    """The result of a run that succeeded. Raises RuntimeFault when it was not kept, `SignatureInvalid` (E606)."""
    assert outcome.result is not None, "only a run that succeeded has a result"
    slots = result_slots(outcome.edges)
    try:
        values = {slot: trust.open_kept(slot, parts[f"slot:{slot}"]) for slot in slots}
        if outcome.result.result_kind == "sinks":
            return replace(outcome.result, result=values)
        leaves = list(_leaves(outcome.tree))
        sources = Sources(
            values=values,
            literals={
                leaf.digest: json.loads(trust.open_blob(leaf.digest, parts[f"literal:{leaf.digest}"]))
                for leaf in leaves
                if isinstance(leaf, Blob)
            },
            inputs={
                leaf.name: trust.open_kept_input(leaf.name, parts[f"input:{leaf.name}"])
                for leaf in leaves
                if isinstance(leaf, Input)
            },
        )
    except KeyError as err:
        raise _not_kept(outcome, trust.run) from err
    return replace(outcome.result, result=assemble(outcome.tree, slots, sources))


def _not_kept(outcome: Outcome, run: str) -> RuntimeFault:
    if outcome.is_kept:
        return RuntimeFault(f"the run {run} succeeded, and the time for which its result is kept is over")
    return RuntimeFault(
        f"the run {run} succeeded; its result was given to whoever launched it and is too large to be kept",
        hint=f"a run that is launched with --detach keeps any result; others up to {KEPT_BYTES >> 20} MiB",
    )


def _leaves(tree: Value) -> list[Leaf]:
    found: list[Leaf] = []

    def visit(leaf: Leaf) -> object:
        found.append(leaf)
        return leaf

    map_refs(tree, visit)
    return found
