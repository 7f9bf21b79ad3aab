"""Sealed bytes: whatever is unpickled was signed by this deployment, for exactly the place where it lies.

An envelope is a header (version, kind, codec, length), a tag and the bytes. The tag is HMAC-SHA256 over the place
(deployment, run, instance, output, kind: each with its length, so that no two places read alike), the header and
the bytes. A valid value of another task, run or kind is refused like a forged one. Also here: where the signing key
comes from. How a value becomes bytes is `runtime.values.packing`, how large ones are cut `runtime.values.bulk`.

Not a secret keeper: envelopes are readable, and code that runs in a worker could read the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import struct
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path

from runtime.errors import RuntimeFault, SignatureInvalid

VERSION = 1
MAGIC = b"TE"
HEADER = struct.Struct(">2sBcBQ")
TAG_BYTES = 32
OVERHEAD = HEADER.size + TAG_BYTES
KEY_BYTES = 32


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


class Signer:
    """A signing key at work: what HMAC derives from the key is computed once. Threads may share it."""

    __slots__ = ("_start",)

    def __init__(self, key: bytes) -> None:
        self._start = hmac.new(key, digestmod=hashlib.sha256)

    def tag(self, place: bytes, header: bytes, data: bytes | bytearray | memoryview) -> bytes:
        mac = self._start.copy()
        mac.update(place + header)
        mac.update(data)
        return mac.digest()


def seal(key: bytes | Signer, place: Place, data: bytes | memoryview, codec: Codec) -> bytes:
    """`data` in an envelope that opens only with `key`, only at `place`; a `Signer` saves time on many small values."""
    header = HEADER.pack(MAGIC, VERSION, place.kind.value, codec, len(data))
    return b"".join((header, _signer(key).tag(place.encode(), header, data), data))


def _signer(key: bytes | Signer) -> Signer:
    return key if isinstance(key, Signer) else Signer(key)


def open_sealed(key: bytes | Signer, place: Place, blob: bytes) -> tuple[Codec, bytes]:
    """The codec and the bytes of an envelope. Raises as `open_view`."""
    codec, data = open_view(key, place, blob)
    return codec, bytes(data)


def open_view(key: bytes | Signer, place: Place, blob: bytes) -> tuple[Codec, memoryview]:
    """The codec and the bytes of an envelope, which are not copied.

    Raises SignatureInvalid when it is cut short, changed, signed with another key or made for another place.
    """
    if len(blob) < OVERHEAD or blob[:2] != MAGIC:
        raise invalid(place, "it is no envelope, or cut short")
    header = blob[: HEADER.size]
    _, version, kind, codec, length = HEADER.unpack(header)
    if version != VERSION:
        raise invalid(place, f"it is of version {version}, this treadle reads version {VERSION}")
    if length != len(blob) - OVERHEAD:
        raise invalid(place, f"it holds {len(blob) - OVERHEAD} bytes of {length}")
    data = memoryview(blob)[OVERHEAD:]
    if not hmac.compare_digest(_signer(key).tag(place.encode(), header, data), blob[HEADER.size : OVERHEAD]):
        raise invalid(place, "its signature does not fit")
    assert kind == place.kind.value, "the kind is part of what was signed"
    return Codec(codec), data


def invalid(place: Place, why: str) -> SignatureInvalid:
    """The refusal of what lies at `place`."""
    return SignatureInvalid(
        f"the stored bytes for {place} are refused: {why}",
        hint="was it written with another signing key? every machine of a deployment needs the same one",
    )


def default_key_path(deployment: str) -> Path:
    """`$XDG_CONFIG_HOME/treadle/keys/<deployment>.key`, under ~/.config by default."""
    if not deployment or not all(char.isalnum() or char in "-_." for char in deployment) or deployment[0] == ".":
        raise RuntimeFault(f"{deployment!r} is no deployment name", hint="use letters, digits, '-', '_' and '.'")
    home = os.environ.get("XDG_CONFIG_HOME") or ""
    base = Path(home) if os.path.isabs(home) else Path.home() / ".config"
    return base / "treadle" / "keys" / f"{deployment}.key"


def load_or_create_key(path: Path) -> bytes:
    """The signing key in `path`; the first caller makes it, with mode 0600, and all callers get the same one.

    Raises RuntimeFault when it cannot be read or written, is too short, or is open to other users.
    """
    try:
        if not path.exists():
            _create_key(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_bytes()
    except OSError as err:
        raise RuntimeFault(f"the signing key {path} cannot be used: {err.strerror}") from err
    if mode & 0o077:
        raise RuntimeFault(f"the signing key {path} is open to other users (mode {mode:o})", hint=f"chmod 600 {path}")
    if len(key) < KEY_BYTES:
        raise RuntimeFault(
            f"the signing key {path} is shorter than {KEY_BYTES} bytes", hint="remove it to get a new one"
        )
    return key


def _create_key(path: Path) -> None:
    """Written whole under another name, then linked: a link fails when the key is there, so the first one stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
