"""What an `exec:` body ships: how its output is read, and which files lie in its working folder.

An executable is named by the digest of its bytes, canonical JSON: `{"files":[[path, is_executable, digest, bytes], …],
"stdout":…,"v":1}`, sorted by path. Modes are one bit and times none, so that the same files give the same bytes
wherever they were built. The files themselves are blobs of their own: one tool, stored once, however many tasks use it.
Paths are relative to the manifest's folder. Which files belong to a body is `compiler.code.shipping`; placing them on
a worker is `runtime.tasks.shipped_files`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.errors import BundleInvalid, SchemaVersionUnsupported

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ShippedFile:
    """One file: where it lies in the working folder, and the blob that holds its bytes."""

    path: str
    is_executable: bool
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Executable:
    """`stdout` is text, json, bytes or lines; `files` are sorted by path."""

    stdout: str
    files: tuple[ShippedFile, ...] = ()


def encode_executable(stdout: str, files: Iterable[ShippedFile]) -> bytes:
    """The bytes of an executable; the same files in any order give the same bytes."""
    rows = [[file.path, file.is_executable, file.digest, file.size] for file in sorted(files)]
    text = json.dumps({"files": rows, "stdout": stdout, "v": VERSION}, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def decode_executable(digest: str, data: bytes) -> Executable:
    """Raises `BundleInvalid` (E603) for bytes that are not those of `digest`, or no executable, and
    `SchemaVersionUnsupported` (E605) for another version."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise BundleInvalid(f"executable {digest[:12]} is damaged", hint="build the bundle again")
    try:
        content = json.loads(data)
        if content["v"] == VERSION:
            files = [ShippedFile(path=p, is_executable=x, digest=d, size=n) for p, x, d, n in content["files"]]
            return Executable(stdout=content["stdout"], files=tuple(files))
        version = content["v"]
    except (ValueError, KeyError, TypeError) as err:
        raise BundleInvalid(f"blob {digest[:12]} is no executable", hint="build the bundle again") from err
    raise SchemaVersionUnsupported(
        f"executable {digest[:12]} has version {version}; this runtime reads version {VERSION}"
    )
