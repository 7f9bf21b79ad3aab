"""A run opened again from its record: the bundle is read from the store, verified, and nothing else is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runtime.backends.redis import RedisBackend
from runtime.backends.redis_link import Link
from runtime.bundle import LoadedBundle, read_index
from runtime.errors import BundleInvalid, SignatureInvalid
from runtime.ports import Reference
from runtime.run_inputs import read_input
from runtime.runs.record import RunRecord
from runtime.runs.session import Session, Target, make_session
from runtime.runs.signing_keys import KeyRing
from runtime.values.trust import Trust


class RecordedBlobs:
    """`runtime.bundle.BlobSource` over what the launcher published; each blob is fetched once.

    Pages lie in the run's own keys, by number: `pages` are their digests.
    """

    def __init__(self, backend: RedisBackend, trust: Trust) -> None:
        self._backend = backend
        self._trust = trust
        self._known: dict[str, bytes] = {}
        self.pages: dict[str, int] = {}

    def read(self, digest: str) -> bytes:
        if digest not in self._known:
            self._known[digest] = self._page(digest) if digest in self.pages else self._blob(digest)
        return self._known[digest]

    def _page(self, digest: str) -> bytes:
        number = self.pages[digest]
        (sealed,) = self._backend.values.get_pages([number])
        if sealed is None:
            raise _gone(self._trust.run)
        return self._trust.open_page(number, sealed)

    def _blob(self, digest: str) -> bytes:
        (sealed,) = self._backend.values.get_blobs([digest])
        if sealed is None:
            raise _gone(self._trust.run)
        return self._trust.open_blob(digest, sealed)


def _gone(run: str) -> BundleInvalid:
    return BundleInvalid(
        f"the code of the run {run} is no longer in the store: it is kept as long as the values of a run",
        hint="launch the workflow anew",
    )


def open_recorded(record: RunRecord, target: Target, link: Link, keys: KeyRing) -> Session:
    """The session of a run that was launched before. Raises `BundleInvalid`, `SignatureInvalid` (E606)."""
    backend = RedisBackend(link, target.deployment, record.run, record.settings)
    trust = trust_of(record, target.deployment, keys)
    return make_session(
        recorded_bundle(record, backend, trust),
        backend,
        trust,
        target=replace(target, link=record.link),
        settings=record.settings,
        keys=keys,
    )


def trust_of(record: RunRecord, deployment: str, keys: KeyRing) -> Trust:
    """What the run signs and opens with: it keeps the key that it was launched with. Raises `SignatureInvalid`."""
    try:
        key = bytes.fromhex(record.key)
    except ValueError:
        raise SignatureInvalid(f"the record of the run {record.run} names no signing key") from None
    return Trust(signer=keys.signer().using(key), deployment=deployment, run=record.run)


def recorded_bundle(record: RunRecord, backend: RedisBackend, trust: Trust) -> LoadedBundle:
    """The bundle that the run was launched with."""
    source = RecordedBlobs(backend, trust)
    bundle = replace(read_index(source.read(record.bundle), source), promise=record.promise)
    source.pages = {digest: number for number, digest in enumerate(bundle.pages)}
    return bundle


def recorded_inputs(
    record: RunRecord, backend: RedisBackend, trust: Trust
) -> tuple[dict[str, object], dict[str, bytes]]:
    """The values of the run's inputs, and the small ones sealed. Raises RuntimeFault when they are gone."""
    values: dict[str, object] = {}
    small: dict[str, bytes] = {}
    for name, stored in _stored(record, backend).items():
        values[name] = read_input(backend.values, trust, name, stored)
        if isinstance(stored, bytes):
            small[name] = stored
    return values, small


def _stored(record: RunRecord, backend: RedisBackend) -> Mapping[str, bytes | Reference | None]:
    if not record.inputs:
        return {}
    return dict(zip(record.inputs, backend.values.get_inputs(record.inputs), strict=True))
