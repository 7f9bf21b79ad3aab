"""The inputs of a run where its tasks run: small ones came with the invocation, the others are read from the store.

An input is read when a task first needs it, once in an environment and run, and every task there is handed the same
object. What an input may be, and how it is given, is `runtime.given_inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.errors import NotSerializable, RuntimeFault
from runtime.ports import Reference, ValueStore
from runtime.values.bulk import Bulk, ChunkGone, Sealed
from runtime.values.trust import Trust

LARGE_TASK = "inputs"
"""Stands for the task in the key of a large input: no task can be called so."""


def publish_inputs(values: Mapping[str, object], store: ValueStore, trust: Trust, large_bytes: int) -> dict[str, bytes]:
    """Sign the values of a run and put them where its workers look; returns the sealed ones that are not large.

    Raises `NotSerializable`.
    """
    published: dict[str, bytes | Reference] = {}
    for name, value in values.items():
        sealed = _sealed(name, value, trust)
        if isinstance(sealed, Bulk) or len(sealed) > large_bytes:
            published[name] = Reference(key=store.put_large(LARGE_TASK, name, "input", sealed))
        else:
            published[name] = sealed
    if published:
        store.put_inputs(published)
    return {name: sealed for name, sealed in published.items() if isinstance(sealed, bytes)}


def _sealed(name: str, value: object, trust: Trust) -> Sealed:
    try:
        return trust.seal_input(name, value)
    except NotSerializable as err:
        raise NotSerializable(f"the input `{name}`: {err.message}", hint=err.hint) from err


class RunInputs:
    """The values by name. `inside` are sealed ones that the payload brought, `known` those read before in this run."""

    def __init__(self, trust: Trust, store: ValueStore, inside: Mapping[str, bytes], known: dict[str, object]) -> None:
        self._trust = trust
        self._store = store
        self._inside = inside
        self._known = known

    def value(self, name: str) -> object:
        """Raises `SignatureInvalid` (E606), `StoreUnavailable`, and RuntimeFault when the store does not have it."""
        if name not in self._known:
            stored = self._inside.get(name) or self._store.get_inputs([name])[0]
            self._known[name] = read_input(self._store, self._trust, name, stored)
        return self._known[name]


def read_input(store: ValueStore, trust: Trust, name: str, stored: bytes | Reference | None) -> object:
    """The value of an input. Raises `SignatureInvalid` (E606), and RuntimeFault when the store does not have it."""
    sealed = store.get_large(stored.key) if isinstance(stored, Reference) else stored
    try:
        if sealed is not None:
            return trust.open_input(name, sealed)
    except ChunkGone:
        pass
    raise RuntimeFault(f"the input `{name}` is not in the store any more", hint="launch the run again")
