"""The signing keys of a deployment: where they lie, how they are written, made, rotated and dropped.

They are a text of one key a line, in hex or base64, with a comment after `#`. The first signs, the others open what
they signed before. The text lies in a file of the user's that only he can read, made at first use, or where the setting
`signing_key` points, so that the machines of a team have the same keys. Bytes that are no text are one key.

A run signs with one key for its whole life, that which was the first at its launch (`RunRecord.key`): rotation changes
nothing for runs that are going on or kept.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from runtime.config import DEPLOYMENT_NAME, is_deployment_name
from runtime.errors import RuntimeFault
from runtime.secrecy.references import Source, parse_reference, resolve_bytes
from runtime.values.envelope import Signer, key_id

KEY_BYTES = 32
MAX_KEYS = 8
LOCK_S = 10.0
FILE_HEAD = "# Signing keys of the deployment: the first signs, the others open what they signed. Keep this secret.\n"


class KeysInvalid(RuntimeFault):
    """The signing keys cannot be had, or are none."""

    code = "signing-key"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. `note` says when it was made, or whatever its owner wrote after the `#`."""

    secret: bytes = field(repr=False)
    note: str = ""

    @property
    def name(self) -> str:
        """Its id, as envelopes and `treadle key` show it."""
        return key_id(self.secret).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of a deployment, the signing one first; `place` tells where they lie."""

    keys: tuple[SigningKey, ...]
    place: str

    def signer(self) -> Signer:
        return Signer(*(key.secret for key in self.keys))

    def variable(self) -> str:
        """The keys as the functions of the deployment are given them."""
        return ",".join(key.secret.hex() for key in self.keys)

    def text(self) -> str:
        """The keys as they are written."""
        return "".join(f"{key.secret.hex()}{f'  # {key.note}' if key.note else ''}\n" for key in self.keys)


def load_keys(deployment: str, reference: str | None, environ: Mapping[str, str] = os.environ) -> KeyRing:
    """The keys of a deployment; without a reference its own file, which is made when there is none.

    Raises KeysInvalid, and SecretUnavailable for a reference that leads nowhere.
    """
    if reference is None:
        return load_or_create(default_key_path(deployment))
    parsed = parse_reference(reference)
    if parsed.source is Source.FILE:
        path = Path(parsed.name).expanduser()
        if path.exists():
            _check_mode(path, 0o007)
    return _ring(resolve_bytes(parsed, environ), reference)


def default_key_path(deployment: str) -> Path:
    """`$XDG_CONFIG_HOME/treadle/keys/<deployment>.key`, under ~/.config by default."""
    if not is_deployment_name(deployment):
        raise RuntimeFault(f"{deployment!r} is no deployment name", hint=f"write {DEPLOYMENT_NAME}")
    home = os.environ.get("XDG_CONFIG_HOME") or ""
    base = Path(home) if os.path.isabs(home) else Path.home() / ".config"
    return base / "treadle" / "keys" / f"{deployment}.key"


def load_or_create(path: Path) -> KeyRing:
    """The keys in a file; the first caller makes it, with mode 0600, and all callers get the same.

    Raises KeysInvalid when it cannot be read or written, holds no keys, or is open to other users.
    """
    try:
        if not path.exists():
            _create(path)
        data = path.read_bytes()
        _check_mode(path, 0o077)
    except OSError as err:
        raise KeysInvalid(f"the signing key {path} cannot be used: {err.strerror}") from err
    return _ring(data, str(path))


def rotate(path: Path) -> KeyRing:
    """A new key signs from now on; those before it still open what they signed. Raises KeysInvalid."""

    def with_new(ring: KeyRing) -> KeyRing:
        if len(ring.keys) >= MAX_KEYS:
            raise KeysInvalid(
                f"there are {len(ring.keys)} keys already, and a deployment has {MAX_KEYS} at most",
                hint="drop one that no run needs: treadle key drop KEY",
            )
        return replace(ring, keys=(_new_key(), *ring.keys))

    return _changed(path, with_new)


def drop(path: Path, name: str) -> KeyRing:
    """What the key of this id signed does not open any more. Raises KeysInvalid."""

    def without(ring: KeyRing) -> KeyRing:
        return replace(ring, keys=tuple(key for key in ring.keys if key.name != name))

    return _changed(path, without)


def _new_key() -> SigningKey:
    return SigningKey(secrets.token_bytes(KEY_BYTES), time.strftime("made %Y-%m-%d %H:%M UTC", time.gmtime()))


def _ring(data: bytes, place: str) -> KeyRing:
    """Raises KeysInvalid, which quotes nothing of what may be a key."""
    keys = _parsed(data, place)
    for key in keys:
        if len(key.secret) < KEY_BYTES:
            raise KeysInvalid(
                f"the signing key {place} is too short: it has {len(key.secret)} bytes, {KEY_BYTES} are needed",
                hint="make one: openssl rand -hex 32",
            )
    if not keys:
        raise KeysInvalid(f"the signing key {place} is empty", hint="make one: openssl rand -hex 32")
    if len(keys) > MAX_KEYS:
        raise KeysInvalid(f"{place} holds {len(keys)} signing keys, {MAX_KEYS} at most are used")
    unique: dict[bytes, SigningKey] = {}
    for key in keys:
        unique.setdefault(key.secret, key)
    return KeyRing(keys=tuple(unique.values()), place=place)


def _parsed(data: bytes, place: str) -> list[SigningKey]:
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return [SigningKey(data)]
    found = []
    for line in lines:
        text, _, note = line.partition("#")
        found += [SigningKey(_decoded(word, place), note.strip()) for word in re.split(r"[\s,]+", text) if word]
    return found


def _decoded(text: str, place: str) -> bytes:
    """Hex, else base64 of either alphabet, with or without its padding."""
    try:
        if re.fullmatch(r"[0-9a-fA-F]+", text):
            return bytes.fromhex(text)
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise KeysInvalid(
            f"the signing key {place} is neither hex nor base64", hint="make one: openssl rand -hex 32"
        ) from None


def _check_mode(path: Path, barred: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & barred:
        raise KeysInvalid(f"the signing key {path} is open to other users (mode {mode:o})", hint=f"chmod 600 {path}")


def _create(path: Path) -> None:
    """Written whole under another name, then linked: a link fails when the file is there, so the first one stands."""
    draft = _draft(path, KeyRing(keys=(_new_key(),), place=str(path)))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _changed(path: Path, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """The keys as `change` makes them, in place of those in the file; one at a time changes them."""
    load_or_create(path)
    try:
        with _alone(path.parent):
            ring = change(load_or_create(path))
            assert ring.keys, "a deployment has a key"
            _draft(path, ring).replace(path)
    except OSError as err:
        raise KeysInvalid(f"the signing key {path} cannot be written: {err.strerror}") from err
    return ring


def _draft(path: Path, ring: KeyRing) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(FILE_HEAD + ring.text())
        file.flush()
        os.fsync(file.fileno())
    return draft


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY)
    try:
        _lock(held, time.monotonic() + LOCK_S)
        yield
    finally:
        os.close(held)


def _lock(held: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise KeysInvalid("another process is changing the signing keys", hint="try again") from None
            time.sleep(0.05)
