"""Sealed bytes: whatever is unpickled was signed by this deployment, for exactly the place where it lies.

An envelope is a header (version, kind, codec, key, length), a tag and the bytes. The tag is HMAC-SHA256 over the place
(deployment, run, instance, output, kind: each with its length, so that no two places read alike), the header and
the bytes. A valid value of another task, run or kind is refused like a forged one. The header names the key by its id,
so that what an older key of the deployment signed opens too. How a value becomes bytes is `runtime.values.packing`, how
large ones are cut `runtime.values.bulk`, where keys come from `runtime.runs.signing_keys`.

What a deployment itself signed for a place is genuine there for ever: whoever can write to the store can put back
what an earlier attempt of the same task in the same run gave, as he could delete it. Not a secret keeper: envelopes are
readable, and code that runs in a worker could read the key.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import Enum, IntEnum

from runtime.errors import SignatureInvalid

VERSION = 1
MAGIC = b"TE"
HEADER = struct.Struct(">2sBcB4sQ")
TAG_BYTES = 32
OVERHEAD = HEADER.size + TAG_BYTES
KEY_ID_BYTES = 4


class Codec(IntEnum):
    """How the bytes inside are to be read."""

    RAW = 0
    PICKLE = 1
    CLOUDPICKLE = 2
    JSON = 3
    ZLIB = 4
    BULK = 5


class Kind(Enum):
    """What lies in an envelope; part of its place."""

    VALUE = b"v"
    INPUT = b"i"
    SUBDAG = b"s"
    PAGE = b"p"
    BLOB = b"b"
    RECORD = b"r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where sealed bytes belong. `instance` is "" for what belongs to a whole run, `run` "" to a deployment."""

    deployment: str
    run: str
    instance: str
    output: str | None = None
    kind: Kind = Kind.VALUE

    def encode(self) -> bytes:
        """Unambiguous bytes: each field with its length before it, an absent output unlike an empty one."""
        output = "-" if self.output is None else f"+{len(self.output)}:{self.output}"
        return (
            f"{len(self.deployment)}:{self.deployment}{len(self.run)}:{self.run}"
            f"{len(self.instance)}:{self.instance}{output}"
        ).encode() + self.kind.value

    def __str__(self) -> str:
        name = self.instance if self.output is None else f"{self.instance}.{self.output}"
        if self.kind is not Kind.VALUE:
            name = f"{self.kind.name.lower()} {name}".rstrip()
        return f"{name} of run {self.run}" if self.run else name


def key_id(key: bytes) -> bytes:
    """The name of a key, which says nothing about it."""
    return hashlib.sha256(b"treadle signing key:" + key).digest()[:KEY_ID_BYTES]


class Signer:
    """The signing keys of a deployment at work: signs with the first, knows what any of them has signed.

    What HMAC derives from a key is computed once. Threads may share it.
    """

    __slots__ = ("_start", "_starts", "id")

    def __init__(self, key: bytes, *older: bytes) -> None:
        self._starts = {key_id(one): hmac.new(one, digestmod=hashlib.sha256) for one in (key, *older)}
        self.id = key_id(key)
        self._start = self._starts[self.id]

    def using(self, key: bytes) -> Signer:
        """The same keys, signing with the one of this id. Raises SignatureInvalid when it is not among them."""
        if key == self.id:
            return self
        if key not in self._starts:
            raise _unknown_key("the run signs with", key)
        other = object.__new__(Signer)
        other._starts, other.id, other._start = self._starts, key, self._starts[key]
        return other

    def knows(self, key: bytes) -> bool:
        return key in self._starts

    def tag(self, place: bytes, header: bytes, data: bytes | bytearray | memoryview) -> bytes:
        """What the signing key says of `data`."""
        return _tag(self._start, place, header, data)

    def tag_of(self, key: bytes, place: bytes, header: bytes, data: memoryview) -> bytes | None:
        """What the key of this id says of `data`; None when it is not among these."""
        start = self._starts.get(key)
        return None if start is None else _tag(start, place, header, data)


def _tag(start: hmac.HMAC, place: bytes, header: bytes, data: bytes | bytearray | memoryview) -> bytes:
    mac = start.copy()
    mac.update(place + header)
    mac.update(data)
    return mac.digest()


def seal(key: bytes | Signer, place: Place, data: bytes | memoryview, codec: Codec) -> bytes:
    """`data` in an envelope that opens only with `key`, only at `place`; a `Signer` saves time on many small values."""
    signer = _signer(key)
    header = HEADER.pack(MAGIC, VERSION, place.kind.value, codec, signer.id, len(data))
    return b"".join((header, signer.tag(place.encode(), header, data), data))


def _signer(key: bytes | Signer) -> Signer:
    return key if isinstance(key, Signer) else Signer(key)


def open_sealed(key: bytes | Signer, place: Place, blob: bytes) -> tuple[Codec, bytes]:
    """The codec and the bytes of an envelope. Raises as `open_view`."""
    codec, data = open_view(key, place, blob)
    return codec, bytes(data)


def open_view(key: bytes | Signer, place: Place, blob: bytes) -> tuple[Codec, memoryview]:
    """The codec and the bytes of an envelope, which are not copied.

    Raises SignatureInvalid when it is cut short, changed, signed with no key of this deployment or made for another
    place.
    """
    if len(blob) < OVERHEAD or blob[:2] != MAGIC:
        raise invalid(place, "it is no envelope, or cut short")
    header = blob[: HEADER.size]
    _, version, kind, codec, named, length = HEADER.unpack(header)
    if version != VERSION:
        raise invalid(place, f"it is of version {version}, this treadle reads version {VERSION}")
    if length != len(blob) - OVERHEAD:
        raise invalid(place, f"it holds {len(blob) - OVERHEAD} bytes of {length}")
    data = memoryview(blob)[OVERHEAD:]
    tag = _signer(key).tag_of(named, place.encode(), header, data)
    if tag is None:
        raise _unknown_key(f"the stored bytes for {place} are refused: they are signed with", named)
    if not hmac.compare_digest(tag, blob[HEADER.size : OVERHEAD]):
        raise invalid(place, "its signature does not fit: it was changed, or made for another place")
    assert kind == place.kind.value, "the kind is part of what was signed"
    return Codec(codec), data


def named_key(blob: bytes | memoryview) -> bytes:
    """The id of the key that an envelope says it is signed with; b"" for what is none."""
    if len(blob) < OVERHEAD or blob[:2] != MAGIC:
        return b""
    return bytes(HEADER.unpack(blob[: HEADER.size])[4])


def invalid(place: Place, why: str) -> SignatureInvalid:
    """The refusal of what lies at `place`."""
    return SignatureInvalid(
        f"the stored bytes for {place} are refused: {why}",
        hint="see who else can write to the store; launch the workflow anew",
    )


def _unknown_key(what: str, key: bytes) -> SignatureInvalid:
    return SignatureInvalid(
        f"{what} the key {key.hex()}, which this deployment does not have here",
        hint="`treadle key` lists those it has; every machine of a deployment needs the same ones",
    )
