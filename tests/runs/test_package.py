"""The file of an exported run: whole or refused, with one clear message for each way in which it can be wrong."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import RuntimeFault, SchemaVersionUnsupported
from runtime.runs import package
from runtime.runs.package import COMMENT_BYTES, INDEX, PackageInvalid, is_package, pack, unpack

MEMBERS = {INDEX: b"{}", "timeline.json": b"[1]" * 100, "parts/0": b"\0sealed"}
FILE = pack(MEMBERS)


def made(body: bytes, version: int = 1) -> bytes:
    """An archive with a fitting digest at its end, as somebody could make it who means harm."""
    stream = io.BytesIO(body)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.comment = f"treadle run {version} sha256:{'0' * 64}".encode()
        length = len(archive.comment)
    data = stream.getvalue()[:-length]
    return data + f"treadle run {version} sha256:{sha256(data).hexdigest()}".encode()


def archive_of(members: list[tuple[str, bytes]], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return stream.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises((PackageInvalid, SchemaVersionUnsupported)) as caught:
        unpack(data, "run.zip")
    return caught.value.message


def test_members_come_back_as_they_were_packed() -> None:
    assert unpack(FILE, "run.zip") == MEMBERS
    assert pack(dict(reversed(MEMBERS.items()))) == FILE
    assert is_package(FILE[-COMMENT_BYTES:])
    with zipfile.ZipFile(io.BytesIO(FILE)) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"treadle run 1 sha256:")


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, change: int) -> None:
    with pytest.raises(RuntimeFault):
        unpack(FILE[:at] + bytes([FILE[at] ^ change]) + FILE[at + 1 :], "run.zip")


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1))
def test_no_file_that_was_cut_goes_unnoticed(length: int) -> None:
    with pytest.raises(PackageInvalid):
        unpack(FILE[:length], "run.zip")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "run.zip is no exported run"),
        (b"spec: 1\n", "run.zip is no exported run"),
        (archive_of([("letter.txt", b"dear")]), "run.zip is no exported run"),
        (FILE[:-1], "run.zip is cut short"),
        (FILE + b"\n", "run.zip is cut short"),
        (FILE[:50] + b"?" + FILE[51:], "has changed since it was written"),
        (made(archive_of([(INDEX, b"{}")]), version=2), "run.zip is of version 2"),
        (
            made(archive_of([(INDEX, b"{}"), ("../../etc/passwd", b"")])),
            "'../../etc/passwd', which no exported run has",
        ),
        (made(archive_of([(INDEX, b"{}"), ("parts/00", b"")])), "'parts/00', which no exported run has"),
    ],
)
def test_wrong_file_is_told_in_one_line(data: bytes, told: str) -> None:
    assert told in refusal(data)


def test_member_that_is_there_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive_of([(INDEX, b"{}"), (INDEX, b"[]")])
    assert "which no exported run has" in refusal(made(data))


def test_archive_that_unpacks_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 1_000_000)
    bomb = made(archive_of([(INDEX, b"\0" * 1_000_001)]))
    assert len(bomb) < 3_000
    assert "unpacks to more than" in refusal(bomb)


def test_archive_that_lies_about_its_sizes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 1_000_000)
    body = archive_of([(INDEX, b"\0" * 2_000_000)]).replace((2_000_000).to_bytes(4, "little"), b"\x10\0\0\0")
    assert "cannot be unpacked" in refusal(made(body))


def test_larger_file_than_any_export_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_FILE_BYTES", 100)
    assert "is larger than" in refusal(FILE)
