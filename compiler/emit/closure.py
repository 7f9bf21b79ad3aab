"""The archives of the runtime that a bundle carries: what goes to Lambda, and the whole package for `launch.py`.

Both are zips without compression and without dates, sorted by name: the same sources give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

CLIENT_SIDE = (
    "costs",
    "critical_path",
    "dashboard",
    "history",
    "inline",
    "launch_command",
    "launcher",
    "local",
    "moments",
    "promise",
    "report",
    "requirements",
    "results",
    "runs",
    "settings",
    "timeline",
    "versions",
    "watch",
)
"""Modules and packages of `runtime` that stay with the client: everything else is shipped."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


@cache
def shipped_closure() -> bytes:
    """The archive that goes to Lambda: the worker with its drivers and backends."""
    return archive(shipped_members())


def shipped_members() -> dict[str, bytes]:
    """What is in it: sources by their path in the archive."""
    return {
        path: data for path, data in _package().items() if path.split("/")[1].removesuffix(".py") not in CLIENT_SIDE
    }


@cache
def whole_runtime() -> bytes:
    """The archive of the whole runtime package, launcher and local service included."""
    return archive(_package())


def archive(members: Mapping[str, bytes]) -> bytes:
    """A deterministic zip: stored, sorted, without dates."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for path in sorted(members):
            info = zipfile.ZipInfo(path, date_time=_EPOCH)
            info.external_attr = _MODE
            info.create_system = 3
            target.writestr(info, members[path])
    return buffer.getvalue()


@cache
def _package() -> Mapping[str, bytes]:
    return dict(_members(files("runtime"), "runtime"))


def _members(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _members(item, f"{path}/{item.name}")
        elif not item.name.endswith((".pyc", ".pyo")) and not item.name.startswith("."):
            yield f"{path}/{item.name}", item.read_bytes()
