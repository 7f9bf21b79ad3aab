"""Histories as files in the deployment's state folder, for those whose Redis ends with the run.

    <graph signature>.json    the head, and the marks of what was counted, the newest 512
    <graph signature>.log     the documents, each behind its length
    lock                      held while anything is written

The mark is written before the document: a crash between the two loses one run's samples. A document that was cut off
ends the log; the next one is written in its place.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import RuntimeFault
from runtime.history.records import merge_graphs
from runtime.history.store import KEPT_GRAPHS, KEPT_MARKS, Documents, Head, Rewrite, folded, is_long

FRAME = struct.Struct(">4sQ")
MAGIC = b"doc\n"
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHistory:
    """`HistoryStore` in one folder."""

    folder: Path

    @property
    def where(self) -> str:
        return str(self.folder)

    def heads(self) -> list[Head]:
        with _faults(self.folder):
            signatures = sorted({path.stem for ending in ("json", "log") for path in self.folder.glob(f"*.{ending}")})
            found = [self._head(signature) for signature in signatures if NAME.fullmatch(signature)]
        return sorted(found, key=lambda head: (-head.seen_at, head.signature))

    def _head(self, signature: str) -> Head:
        """One that is damaged or gone is made of the documents; of a workflow without a name where these are, too."""
        head, _ = _read_head(self._path(signature, "json"))
        if head is None:
            graphs = Documents.of(signature, tuple(_documents(self._path(signature, "log")))).graphs
            unknown = Head(signature=signature, workflow="a workflow", seen_at=0.0, functions=frozenset())
            head = Head.of(merge_graphs(graphs)) if graphs else unknown
        return head

    def add(self, head: Head, mark: str, data: bytes) -> bool:
        with self._locked():
            before, marks = _read_head(self._path(head.signature, "json"))
            if mark in marks:
                return False
            self._write_head(_joined(before, head), [*marks, mark][-KEPT_MARKS:])
            documents = self._append(head.signature, data)
            if before is None:
                self._prune()
            elif is_long(documents):
                self._rewrite(head.signature, folded(head.signature))
        return True

    def read(self, signature: str) -> tuple[bytes, ...]:
        path = self._path(signature, "log")
        with _faults(self.folder):
            documents = tuple(_documents(path))
            if not _rest(path, documents):
                return documents
        with self._locked():  # somebody may be writing the rest
            documents = tuple(_documents(path))
            rest = _rest(path, documents)
            return (*documents, rest) if rest else documents

    def rewrite(self, signature: str, change: Rewrite) -> None:
        with self._locked():
            self._rewrite(signature, change)

    def remove(self, signature: str) -> None:
        with self._locked():
            self._remove(signature)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with _faults(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def _append(self, signature: str, data: bytes) -> int:
        path = self._path(signature, "log")
        documents = tuple(_documents(path))
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.seek(_length(documents))
            file.truncate()
            file.write(FRAME.pack(MAGIC, len(data)) + data)
        return len(documents) + 1

    def _rewrite(self, signature: str, change: Rewrite) -> None:
        path = self._path(signature, "log")
        if documents := tuple(_documents(path)):
            framed = [FRAME.pack(MAGIC, len(data)) + data for data in change(documents)]
            _write(path, b"".join(framed))

    def _write_head(self, head: Head, marks: Sequence[str]) -> None:
        row = {
            "signature": head.signature,
            "workflow": head.workflow,
            "seen": head.seen_at,
            "functions": sorted(head.functions),
            "marks": marks,
        }
        _write(self._path(head.signature, "json"), json.dumps(row).encode())

    def _prune(self) -> None:
        for head in self.heads()[KEPT_GRAPHS:]:
            self._remove(head.signature)

    def _remove(self, signature: str) -> None:
        for ending in ("json", "log"):
            self._path(signature, ending).unlink(missing_ok=True)

    def _path(self, signature: str, ending: str) -> Path:
        if not NAME.fullmatch(signature):
            raise RuntimeFault(f"{signature!r} is no graph signature")
        return self.folder / f"{signature}.{ending}"


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise RuntimeFault(
            f"the history in {folder} cannot be used: {err.strerror}",
            hint="make the folder writable, or set XDG_STATE_HOME to another",
        ) from err


def _documents(path: Path) -> Iterator[bytes]:
    """Up to the first that is cut off or garbled."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while len(head := file.read(FRAME.size)) == FRAME.size:
            magic, size = FRAME.unpack(head)
            left = path.stat().st_size - file.tell()
            if magic != MAGIC or size > left:
                return
            yield file.read(size)


def _rest(path: Path, documents: Sequence[bytes]) -> bytes:
    """What follows the whole ones: it cannot be read, and whoever reads should know."""
    return path.read_bytes()[_length(documents) :] if path.exists() else b""


def _length(documents: Sequence[bytes]) -> int:
    return sum(map(len, documents)) + FRAME.size * len(documents)


def _read_head(path: Path) -> tuple[Head | None, list[str]]:
    """None for a head that is not there or cannot be read: the next run writes it anew."""
    try:
        row = json.loads(path.read_bytes())
        head = Head(
            signature=str(row["signature"]),
            workflow=str(row["workflow"]),
            seen_at=float(row["seen"]),
            functions=frozenset(map(str, row["functions"])),
        )
        return (head, list(map(str, row["marks"]))) if head.signature == path.stem else (None, [])
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None, []


def _joined(before: Head | None, head: Head) -> Head:
    """The newer of two heads of one graph, with the functions of whichever knows more."""
    if before is None:
        return head
    newest = max(before, head, key=lambda one: one.seen_at)
    return replace(newest, functions=max(before.functions, head.functions, key=len))


def _write(path: Path, data: bytes) -> None:
    """Written whole under another name first; nobody else does, under the lock."""
    draft = path.with_name(f"{path.name}.draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)
