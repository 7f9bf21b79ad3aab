"""The files of commands on a worker: one read-only folder per executable, and a fresh working folder per command.

Everything lies below one folder of this user's in the temporary folder:

    treadle-<uid>/files/<digest>/…      the files of one executable, read-only, made whole or not at all
    treadle-<uid>/commands/<process>/…   working folders: one per process, a lock file beside it, in it one per command

A folder of files outlives invocations and processes, and processes share it. A process trusts what it has read once
and found to have the digests it must have, for as long as no file's inode or times change; anything else is made
again. What nobody used for a day goes, and so do the working folders of processes that are no more.

In a working folder the files are symbolic links at their own paths: programs may write beside them, and replacing a
link changes nothing for others. A folder that a command has left exactly as it found it serves the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from runtime.errors import RuntimeFault
from runtime.tasks.executable import ShippedFile

UNUSED_S = 24 * 3600.0
MAX_SPARE = 32
"""Untouched working folders kept for later commands."""

_Seal = tuple[tuple[int, int, int, int], ...]


class WorkFolderUnusable(RuntimeFault):
    """The temporary folder cannot hold what commands need."""

    code = "work-folder"


class ShippedFiles:
    """The folders of one process. `read(digest)` returns the bytes of a blob, verified."""

    def __init__(self, read: Callable[[str], bytes], *, base: str = "") -> None:
        self._read = read
        self._base = base
        self._seals: dict[str, _Seal] = {}
        self._numbers = itertools.count(1)
        self._work = ""
        self._lock = -1
        self._spare: dict[str, str] = {}

    @contextmanager
    def working_folder(self, digest: str, files: Sequence[ShippedFile]) -> Iterator[str]:
        """A folder in which `files` lie at their paths and nothing else does; what is written there is gone afterwards.

        Raises `WorkFolderUnusable`, and what reading a blob raises.
        """
        try:
            self._open()
            placed = self._place(digest, files) if files else ""
            folder = self._spare.pop(digest, "") or self._new(placed, files)
        except OSError as err:
            raise WorkFolderUnusable(f"the files of a command cannot be placed: {err}") from err
        try:
            yield folder
        finally:
            if len(self._spare) < MAX_SPARE and _is_untouched(folder, placed, files):
                self._spare[digest] = folder
            else:
                remove_tree(folder)

    def _new(self, placed: str, files: Sequence[ShippedFile]) -> str:
        folder = os.path.join(self._work, str(next(self._numbers)))
        _link(placed, files, folder)
        return folder

    def close(self) -> None:
        """Remove this process's working folders."""
        if self._lock >= 0:
            remove_tree(self._work)
            with suppress(OSError):
                os.unlink(self._work + ".lock")
            os.close(self._lock)
            self._lock = -1
            self._spare.clear()

    def _open(self) -> None:
        """Make the folder of this process, unless it has one; the lock on its file says that the process lives."""
        if self._lock >= 0:
            return
        self._base = self._base or _own_folder()
        work = os.path.join(self._base, "commands")
        os.makedirs(work, 0o700, exist_ok=True)
        os.makedirs(os.path.join(self._base, "files"), 0o700, exist_ok=True)
        self._lock, path = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=".lock", dir=work)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._work = path.removesuffix(".lock")
        os.mkdir(self._work, 0o700)
        _remove_abandoned(work)

    def _place(self, digest: str, files: Sequence[ShippedFile]) -> str:
        """The folder that holds exactly these files."""
        folder = os.path.join(self._base, "files", digest)
        with suppress(FileNotFoundError):
            os.utime(folder)
        seal = _seal(folder, files)
        if seal is None or seal != self._seals.get(digest):
            with _locked(folder + ".lock"):
                if not _is_sound(folder, files):
                    self._make(folder, files)
                seal = _seal(folder, files)
            assert seal is not None, "just made, or found to be sound"
            self._seals[digest] = seal
        return folder

    def _make(self, folder: str, files: Sequence[ShippedFile]) -> None:
        """Write the files beside the folder and put them in its place."""
        parent = os.path.dirname(folder)
        _remove_unused(parent)
        staged = tempfile.mkdtemp(prefix="new-", dir=parent)
        try:
            new = os.path.join(staged, "new")
            os.mkdir(new)
            for file in files:
                _write(os.path.join(new, file.path), self._read(file.digest), is_executable=file.is_executable)
            with suppress(FileNotFoundError):
                os.rename(folder, os.path.join(staged, "old"))
            os.rename(new, folder)
        finally:
            remove_tree(staged)


def remove_tree(folder: str) -> None:
    """Remove a folder, also what was made unwritable inside; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        for inner, _, _ in os.walk(folder):
            with suppress(OSError):
                os.chmod(inner, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _own_folder() -> str:
    """A folder of this user's and nobody else's."""
    path = os.path.join(tempfile.gettempdir(), f"treadle-{os.getuid()}")
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if os.path.islink(path) or not os.path.isdir(path) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{path} is not a folder of this user's alone")
    return path


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold a file's lock: of many processes that want the same files, one fetches them."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: str, data: bytes, *, is_executable: bool) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o555 if is_executable else 0o444)


def _layout(files: Sequence[ShippedFile]) -> dict[str, set[str]]:
    """What lies in each folder of a working folder, "" itself first, a folder before those inside it."""
    entries: dict[str, set[str]] = {"": set()}
    for file in files:
        path = file.path
        while path:
            parent, name = os.path.split(path)
            entries.setdefault(parent, set()).add(name)
            path = parent
    return dict(sorted(entries.items()))


def _link(placed: str, files: Sequence[ShippedFile], folder: str) -> None:
    for inner in _layout(files):
        os.mkdir(os.path.join(folder, inner), 0o700)
    for file in files:
        os.symlink(os.path.join(placed, file.path), os.path.join(folder, file.path))


def _is_untouched(folder: str, placed: str, files: Sequence[ShippedFile]) -> bool:
    """Whether a working folder holds the links to its files and nothing else, in folders as they were made."""
    try:
        for inner, names in _layout(files).items():
            path = os.path.join(folder, inner)
            if set(os.listdir(path)) != names or os.lstat(path).st_mode != stat.S_IFDIR | 0o700:
                return False
        return all(os.readlink(os.path.join(folder, file.path)) == os.path.join(placed, file.path) for file in files)
    except OSError:
        return False


def _seal(folder: str, files: Sequence[ShippedFile]) -> _Seal | None:
    """What changes when a file does, None when one is missing."""
    try:
        stats = [os.lstat(os.path.join(folder, file.path)) for file in files]
    except OSError:
        return None
    return tuple([(one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in stats])


def _is_sound(folder: str, files: Sequence[ShippedFile]) -> bool:
    """Whether every file lies there with its bytes and its mode."""
    try:
        return all(_holds(os.path.join(folder, file.path), file) for file in files)
    except OSError:
        return False


def _holds(path: str, file: ShippedFile) -> bool:
    with open(path, "rb") as found:
        is_executable = bool(os.fstat(found.fileno()).st_mode & 0o100)
        return is_executable == file.is_executable and hashlib.file_digest(found, "sha256").hexdigest() == file.digest


def _remove_unused(folder: str) -> None:
    """Remove what no process has used for a day."""
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > UNUSED_S:
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.path)
                else:
                    os.unlink(entry.path)


def _remove_abandoned(folder: str) -> None:
    """Remove the working folders whose process is no more: nobody holds the lock."""
    for entry in os.scandir(folder):
        if not entry.name.endswith(".lock"):
            continue
        with suppress(OSError):
            lock = os.open(entry.path, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(entry.path.removesuffix(".lock"))
                os.unlink(entry.path)
            finally:
                os.close(lock)
