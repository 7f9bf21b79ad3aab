"""The inputs of a run where its tasks run: small ones came with the invocation, the others are read from the store.

An input is read when a task first needs it, once in an environment and run, and every task there is handed the same
object. What an input may be, and how it is given, is `runtime.given_inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.errors import NotSerializable, RuntimeFault
from runtime.ports import Reference, ValueStore
from runtime.trust import Trust

LARGE_TASK = "inputs"
"""Stands for the task in the key of a large input: no task can be called so."""


def publish_inputs(values: Mapping[str, object], store: ValueStore, trust: Trust, large_bytes: int) -> dict[str, bytes]:
    """Sign the values of a run and put them where its workers look; returns the sealed ones that are not large.

    Raises `NotSerializable`.
    """
    published: dict[str, bytes | Reference] = {}
    for name, value in values.items():
        sealed = _sealed(name, value, trust)
        is_large = len(sealed) > large_bytes
        published[name] = Reference(key=store.put_large(LARGE_TASK, name, "input", sealed)) if is_large else sealed
    if published:
        store.put_inputs(published)
    return {name: sealed for name, sealed in published.items() if isinstance(sealed, bytes)}


def _sealed(name: str, value: object, trust: Trust) -> bytes:
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
            sealed = self._inside.get(name) or self._fetched(name)
            self._known[name] = self._trust.open_input(name, sealed)
        return self._known[name]

    def _fetched(self, name: str) -> bytes:
        (stored,) = self._store.get_inputs([name])
        sealed = self._store.get_large(stored.key) if isinstance(stored, Reference) else stored
        if sealed is None:
            raise RuntimeFault(f"the input `{name}` is not in the store any more", hint="launch the run again")
        return sealed
