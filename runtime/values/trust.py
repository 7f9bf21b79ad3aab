"""What a deployment's process signs and opens: values, pages, blobs and payloads, each bound to its place.

The envelope's format is `runtime.values.envelope`; this module says which place each kind of thing has.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import ValueUnreadable
from runtime.tasks.user_errors import error_text
from runtime.values.bulk import FRAME_MARK, Bulk, ChunkGone, Sealed, framed, is_bulk, open_bulk, seal_bulk, unframed
from runtime.values.envelope import Codec, Kind, Place, Signer, invalid, named_key, open_sealed, open_view, seal
from runtime.values.packing import Packing, pack_value, unpack_value


@dataclass(frozen=True, slots=True)
class Packed:
    """A verified value, not yet unpickled: that imports modules, which only the main thread may do.

    Two threads that import parts of one package at once meet it half initialised.
    """

    packing: Packing
    size: int

    def unpack(self) -> object:
        return unpack_value(self.packing)


def unpickled(slot: str, unpickle: Callable[[], object]) -> object:
    """The value that `unpickle` gives. Raises ValueUnreadable: what the user's classes raise is told, not passed on."""
    try:
        return unpickle()
    except (Exception, SystemExit) as err:
        raise unreadable(slot, error_text(err)) from err


def unreadable(slot: str, why: str) -> ValueUnreadable:
    """The fault of a genuine value that cannot be unpickled."""
    return ValueUnreadable(
        f"the value of {slot} cannot be read here: {why}",
        hint="return plain data, or install here what its class needs",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The signing keys of a deployment, at work for one run, which signs with one of them all its life."""

    signer: Signer
    deployment: str
    run: str

    def seal_value(self, slot: str, value: object) -> Sealed:
        """Serialise and sign a value. Raises `NotSerializable`."""
        return self._seal(Kind.VALUE, slot, value)

    def verify_value(self, slot: str, sealed: Sealed) -> Packed:
        """Raises `SignatureInvalid` (E606) for anything that is not this slot's value of this run.


        Of a large value, raises `ChunkGone` when a part is not in the store any more.
        """
        return self._verify(Kind.VALUE, slot, sealed)

    def open_value(self, slot: str, sealed: Sealed) -> object:
        """The value itself; raises as `verify_value`, and `ValueUnreadable` when unpickling raises."""
        return unpickled(slot, self.verify_value(slot, sealed).unpack)

    def keep_value(self, slot: str, packed: Packed) -> bytes:
        """A verified value of this slot as bytes in one piece, for `open_kept`."""
        return _flat(self._seal_packing(Kind.VALUE, slot, packed.packing))

    def keep_input(self, name: str, value: object) -> bytes:
        """The value of an input as bytes in one piece, for `open_kept`."""
        return _flat(self.seal_input(name, value))

    def open_kept(self, slot: str, kept: bytes) -> object:
        """Raises `SignatureInvalid` (E606), and `ValueUnreadable` when unpickling raises."""
        return unpickled(slot, self._verify_kept(Kind.VALUE, slot, kept).unpack)

    def open_kept_input(self, name: str, kept: bytes) -> object:
        """Raises `SignatureInvalid` (E606)."""
        return self._verify_kept(Kind.INPUT, name, kept).unpack()

    def seal_input(self, name: str, value: object) -> Sealed:
        """Serialise and sign the value of an input of the run. Raises `NotSerializable`."""
        return self._seal(Kind.INPUT, name, value)

    def open_input(self, name: str, sealed: Sealed) -> object:
        """Raises `SignatureInvalid` (E606) for anything that is not this input of this run, and `ChunkGone`."""
        return self._verify(Kind.INPUT, name, sealed).unpack()

    def seal_packing(self, slot: str, packing: Packing) -> Sealed:
        """Sign a value that is serialised already."""
        return self._seal_packing(Kind.VALUE, slot, packing)

    def _seal(self, kind: Kind, name: str, value: object) -> Sealed:
        return self._seal_packing(kind, name, pack_value(value))

    def _seal_packing(self, kind: Kind, name: str, packing: Packing) -> Sealed:
        place = self._of_run(kind, name)
        if is_bulk(packing):
            return seal_bulk(self.signer, place, packing)
        return seal(self.signer, place, packing.stream, packing.codec)

    def _verify(self, kind: Kind, name: str, sealed: Sealed) -> Packed:
        place = self._of_run(kind, name)
        head = sealed.head if isinstance(sealed, Bulk) else sealed
        codec, data = open_view(self.signer, place, head)
        if codec is not Codec.BULK:
            return Packed(Packing(codec, data), len(head))
        chunks = sealed.chunks if isinstance(sealed, Bulk) else ()
        return Packed(*open_bulk(self.signer.using(named_key(head)), place, data, chunks))

    def _verify_kept(self, kind: Kind, name: str, kept: bytes) -> Packed:
        """Bytes in one piece have all their chunks, or are not what was kept."""
        try:
            return self._verify(kind, name, _unflat(kept))
        except ChunkGone:
            raise invalid(self._of_run(kind, name), "it lacks some of its chunks") from None

    def seal_page(self, number: int, data: bytes) -> bytes:
        return seal(self.signer, self._of_run(Kind.PAGE, str(number)), data, Codec.RAW)

    def open_page(self, number: int, sealed: bytes) -> bytes:
        return open_sealed(self.signer, self._of_run(Kind.PAGE, str(number)), sealed)[1]

    def seal_subdag(self, data: bytes) -> bytes:
        """The part of the graph that travels in a payload."""
        return seal(self.signer, self._of_run(Kind.SUBDAG, ""), data, Codec.RAW)

    def open_subdag(self, sealed: bytes) -> bytes:
        return open_sealed(self.signer, self._of_run(Kind.SUBDAG, ""), sealed)[1]

    def seal_blob(self, digest: str, data: bytes) -> bytes:
        """Blobs are the deployment's: their place names no run."""
        return seal(self.signer, self._blob(digest), data, Codec.RAW)

    def seals_blob(self, digest: str, head: bytes, data: bytes) -> bool:
        """Whether `head` begins an envelope of this blob with these bytes, signed with any key of the deployment."""
        named = named_key(head)
        return self.signer.knows(named) and seal(
            self.signer.using(named), self._blob(digest), data, Codec.RAW
        ).startswith(head)

    def open_blob(self, digest: str, sealed: bytes) -> bytes:
        return open_sealed(self.signer, self._blob(digest), sealed)[1]

    def _of_run(self, kind: Kind, instance: str) -> Place:
        return Place(deployment=self.deployment, run=self.run, instance=instance, kind=kind)

    def _blob(self, digest: str) -> Place:
        return Place(deployment=self.deployment, run="", instance=digest, kind=Kind.BLOB)


def _flat(sealed: Sealed) -> bytes:
    return b"".join(framed(sealed)) if isinstance(sealed, Bulk) else sealed


def _unflat(kept: bytes) -> Sealed:
    return unframed(io.BytesIO(kept).read) if kept.startswith(FRAME_MARK) else kept
