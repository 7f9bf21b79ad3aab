"""A run as one file, for another machine with another key: an ordinary zip archive.

    treadle-run.json    format, version, the record, the outcome, the names of the parts of the result
    timeline.json       \\
    graph.json           } what is shown, as JSON; each may be missing
    plan.json           /
    logs.json           what the tasks wrote, by task and attempt
    parts/<number>      what the result is made of, sealed by the deployment that ran it: nobody else can open it

The comment at the end, `treadle run <version> sha256:<digest>`, has the digest of all bytes before it: a file that was
cut or changed is told so. It proves nothing about who wrote the file, and so nothing in it is believed, unpickled or
used as the name of a file. Sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256

from runtime.errors import RuntimeFault, SchemaVersionUnsupported

VERSION = 1
INDEX = "treadle-run.json"
DOCUMENTS = ("timeline.json", "graph.json", "plan.json", "logs.json")
PART = re.compile(r"parts/(0|[1-9]\d{0,8})")
COMMENT = re.compile(rb"treadle run (\d{1,9}) sha256:([0-9a-f]{64})\Z")
COMMENT_BYTES = 100
FIRST_BYTES = b"PK\x03\x04"
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)
AGAIN = "export the run again"


class PackageInvalid(RuntimeFault):
    """A file that is no exported run, or not a whole one."""

    code = "export-invalid"
    exit_code = 1


def pack(members: Mapping[str, bytes]) -> bytes:
    """The file; the same members give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(members, key=lambda name: (name != INDEX, name)):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o600 << 16
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, 6)
        archive.comment = _comment("0" * 64)
    body = stream.getvalue()[: -len(archive.comment)]
    return body + _comment(sha256(body).hexdigest())


def _comment(digest: str) -> bytes:
    return f"treadle run {VERSION} sha256:{digest}".encode()


def is_package(tail: bytes) -> bool:
    """Whether the last bytes of a file are those of an exported run."""
    return COMMENT.search(tail) is not None


def unpack(data: bytes, file: str) -> dict[str, bytes]:
    """The members of a whole, unchanged file. Raises `PackageInvalid`, `SchemaVersionUnsupported` (E605)."""
    if len(data) > MAX_FILE_BYTES:
        raise PackageInvalid(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB: no exported run is")
    if not data.startswith(FIRST_BYTES) or data[30 : 30 + len(INDEX)] != INDEX.encode():
        raise PackageInvalid(f"{file} is no exported run", hint="`treadle runs export RUN FILE` makes one")
    comment = COMMENT.search(data[-COMMENT_BYTES:])
    if comment is None:
        raise PackageInvalid(f"{file} is cut short", hint=AGAIN)
    if (version := int(comment[1])) != VERSION:
        raise SchemaVersionUnsupported(
            f"{file} is of version {version}, but this treadle reads version {VERSION}",
            hint="import it with the treadle that wrote it, or a newer one",
        )
    if sha256(data[: -len(comment[0])]).hexdigest() != comment[2].decode():
        raise PackageInvalid(f"{file} has changed since it was written: its digest does not fit", hint=AGAIN)
    try:
        return _members(data, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError) as err:
        raise PackageInvalid(f"{file} cannot be unpacked: {err}", hint=AGAIN) from err


def _members(data: bytes, file: str) -> dict[str, bytes]:
    """Known names only, each once; what an archive says of the size of a member is all that is read of it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        names = [one.filename for one in members]
        for name in names:
            if (name not in (INDEX, *DOCUMENTS) and not PART.fullmatch(name)) or names.count(name) > 1:
                raise PackageInvalid(f"{file} holds {name[:80]!r}, which no exported run has")
        if sum(one.file_size for one in members) > MAX_UNPACKED_BYTES:
            raise PackageInvalid(f"{file} unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB: no exported run does")
        return {one.filename: archive.read(one) for one in members}
