"""An object store in a folder that every worker sees: this machine's disk, or a shared file system."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import ObjectStoreUnavailable
from runtime.values.bulk import ChunkGone
from runtime.values.packing import Buffer

DRAFT = ".draft-"


class FolderObjects:
    """`runtime.backends.objects.Objects` in a folder of `address`, which must be there."""

    def __init__(self, address: str, place: str) -> None:
        self._store = Path(address)
        self._folder = self._store / place
        self.root = str(self._folder)

    def check(self) -> None:
        with self._faults():
            if not self._store.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if not os.access(self._store, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def put(self, name: str, parts: Iterable[Buffer]) -> None:
        """Written under another name first: a value is there whole, or not at all."""
        draft = self._folder / (DRAFT + name)
        with self._faults():
            if not self._folder.is_dir():
                self.check()
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with draft.open("xb") as file:
                    for part in parts:
                        file.write(part)
                draft.rename(self._folder / name)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    def open(self, name: str) -> Callable[[int], bytes] | None:
        """Each read opens the file for itself, so that a value that is not read to its end leaves none open."""
        path = self._folder / name
        with self._faults():
            if not path.is_file():
                return None
        at = 0

        def read(count: int) -> bytes:
            nonlocal at
            with self._faults():
                found = _read_at(path, at, count)
            at += len(found)
            return found

        return read

    def delete(self, name: str) -> None:
        with self._faults():
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> frozenset[str]:
        with self._faults():
            if not self._folder.is_dir():
                return frozenset()
            return frozenset(name for name in os.listdir(self._folder) if not name.startswith(DRAFT))

    def clear(self) -> None:
        with self._faults():
            try:
                shutil.rmtree(self._folder)
            except FileNotFoundError:
                return

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise self._told(err) from err

    def _told(self, err: OSError) -> ObjectStoreUnavailable:
        where = f"the object store {self._store}"
        match err.errno:
            case errno.ENOENT | errno.ENOTDIR if not self._store.is_dir():
                return ObjectStoreUnavailable(f"{where} is no folder", hint="make it, where every worker sees it")
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return ObjectStoreUnavailable(f"{where} may not be written", hint="let the workers' user write there")
            case errno.ENOSPC | errno.EDQUOT:
                return ObjectStoreUnavailable(f"{where} is full", hint="make room there, or clean old runs")
            case errno.EFBIG:
                return ObjectStoreUnavailable(
                    f"{where} takes no file as large as that", hint="raise the limit of file sizes (`ulimit -f`)"
                )
        return ObjectStoreUnavailable(f"{where} cannot be used: {err.strerror}")


def _read_at(path: Path, at: int, count: int) -> bytes:
    """Raises ChunkGone when the file has gone since it was looked for."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(count)
    except FileNotFoundError:
        raise ChunkGone from None
