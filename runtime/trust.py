"""What a deployment's process signs and opens: values, pages, blobs and payloads, each bound to its place.

The envelope's format is `runtime.envelope`; this module says which place each kind of thing has.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.envelope import Codec, Kind, Place, Signer, open_sealed, pack_value, seal, unpack_value


@dataclass(frozen=True, slots=True)
class Packed:
    """A verified value, not yet unpickled: that imports modules, which only the main thread may do.

    Two threads that import parts of one package at once meet it half initialised.
    """

    codec: Codec
    data: bytes

    def unpack(self) -> object:
        return unpack_value(self.codec, self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The signing key of a deployment, at work for one run."""

    signer: Signer
    deployment: str
    run: str

    def seal_value(self, slot: str, value: object) -> bytes:
        """Serialise and sign a value. Raises `NotSerializable`."""
        codec, data = pack_value(value)
        return seal(self.signer, self._of_run(Kind.VALUE, slot), data, codec)

    def verify_value(self, slot: str, sealed: bytes) -> Packed:
        """Raises `SignatureInvalid` (E606) for anything that is not this slot's value of this run."""
        codec, data = open_sealed(self.signer, self._of_run(Kind.VALUE, slot), sealed)
        return Packed(codec, data)

    def open_value(self, slot: str, sealed: bytes) -> object:
        """The value itself; raises as `verify_value`, and what unpickling raises."""
        return self.verify_value(slot, sealed).unpack()

    def seal_input(self, name: str, value: object) -> bytes:
        """Serialise and sign the value of an input of the run. Raises `NotSerializable`."""
        codec, data = pack_value(value)
        return seal(self.signer, self._of_run(Kind.INPUT, name), data, codec)

    def open_input(self, name: str, sealed: bytes) -> object:
        """Raises `SignatureInvalid` (E606) for anything that is not this input of this run."""
        return unpack_value(*open_sealed(self.signer, self._of_run(Kind.INPUT, name), sealed))

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

    def open_blob(self, digest: str, sealed: bytes) -> bytes:
        return open_sealed(self.signer, self._blob(digest), sealed)[1]

    def _of_run(self, kind: Kind, instance: str) -> Place:
        return Place(deployment=self.deployment, run=self.run, instance=instance, kind=kind)

    def _blob(self, digest: str) -> Place:
        return Place(deployment=self.deployment, run="", instance=digest, kind=Kind.BLOB)
