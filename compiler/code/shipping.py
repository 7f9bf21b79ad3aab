"""The files that an `exec:` body ships: each item of `files:` as the regular files that it stands for.

A file is shipped with its path and whether it may be executed; a folder with every file below it, `__pycache__` and
`.git` left out. Symbolic links are followed as long as they stay in the manifest's folder.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compiler.code.modules import Project
from compiler.manifest.tree import Node, ScalarNode

LEFT_OUT = frozenset({"__pycache__", ".git"})
EXPRESSION = "${{"


class ShippingFault(Exception):
    """A path that cannot be shipped: `code` is E405 or E408."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of the project: `path` is what it is called in the working folder, `place` where its bytes are."""

    path: str
    place: Path
    size: int
    is_executable: bool

    def read(self) -> bytes:
        """The bytes. Raises ShippingFault when they cannot be read."""
        try:
            return self.place.read_bytes()
        except OSError as err:
            raise _unreadable(self.path, err) from err


def shipped_files(project: Project, paths: Iterable[str]) -> tuple[FoundFile, ...]:
    """Every file that the items stand for, each once, sorted by path. Raises ShippingFault."""
    found: dict[str, FoundFile] = {}
    for path in paths:
        found.update((file.path, file) for file in files_at(project, path))
    return tuple(found[path] for path in sorted(found))


def files_at(project: Project, written: str) -> Iterator[FoundFile]:
    """The files that one item of `files:` stands for. Raises ShippingFault."""
    if not written:
        raise ShippingFault("E405", "the path of a file is empty", "name a file or a folder beside the manifest")
    path = posixpath.normpath(written)
    if leaves(project, written):
        raise ShippingFault(
            "E408",
            f"`{written}` leaves the manifest's folder",
            "put the file beside the manifest and name it from there",
        )
    place = project.root / path
    try:
        status = place.stat()
    except FileNotFoundError as err:
        raise ShippingFault("E405", f"there is no file `{written}`") from err
    except (OSError, ValueError) as err:
        raise _unreadable(written, err) from err
    if not stat.S_ISDIR(status.st_mode):
        yield _found(path, place, status)
        return
    is_empty = True
    for file in _below(project, path, place):
        is_empty = False
        yield file
    if is_empty:
        raise ShippingFault("E405", f"the folder `{written}` holds no file")


def leaves(project: Project, path: str) -> bool:
    """Whether a path, as it is written or with its links followed, is not inside the manifest's folder."""
    clean = posixpath.normpath(path)
    return clean.startswith(("/", "../")) or clean == ".." or not project.inside(project.root / clean)


def literal(node: Node | None) -> str | None:
    """The text of a scalar without an expression."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and EXPRESSION not in node.value:
        return node.value
    return None


def _below(project: Project, path: str, folder: Path) -> Iterator[FoundFile]:
    """The files below a folder; a link to a folder that it lies in is not followed again."""
    waiting = [(path, folder, frozenset({os.path.realpath(folder)}))]
    while waiting:
        path, folder, above = waiting.pop()
        try:
            names = sorted(os.listdir(folder))
        except OSError as err:
            raise _unreadable(path, err) from err
        for name in names:
            inner, place = posixpath.normpath(posixpath.join(path, name)), folder / name
            if name in LEFT_OUT:
                continue
            if not project.inside(place):
                raise ShippingFault("E408", f"`{inner}` is a link that leaves the manifest's folder")
            real = os.path.realpath(place)
            if not os.path.isdir(real):
                yield _found(inner, place, _status(inner, place))
            elif real not in above:
                waiting.append((inner, place, above | {real}))


def _status(path: str, place: Path) -> os.stat_result:
    try:
        return place.stat()
    except OSError as err:
        raise _unreadable(path, err) from err


def _found(path: str, place: Path, status: os.stat_result) -> FoundFile:
    if not stat.S_ISREG(status.st_mode):
        raise ShippingFault("E405", f"`{path}` is neither a file nor a folder")
    if not path.isprintable() and any("\ud800" <= character <= "\udfff" for character in path):
        raise ShippingFault("E405", f"the name of {path!a} is no UTF-8", "rename it")
    if not os.access(place, os.R_OK):
        raise ShippingFault("E405", f"`{path}` cannot be read: Permission denied")
    return FoundFile(path=path, place=place, size=status.st_size, is_executable=bool(status.st_mode & stat.S_IXUSR))


def _unreadable(path: str, err: OSError | ValueError) -> ShippingFault:
    reason = err.strerror if isinstance(err, OSError) else "no file has such a name"
    return ShippingFault("E405", f"`{path}` cannot be read: {reason}")
