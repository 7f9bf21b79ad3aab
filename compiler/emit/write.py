"""Write a build to a folder: all of it or nothing.

treadle-bundle.json   the index: what the bundle's digest is taken of
launch.py             runs the bundle
build-info.json       time, host, version: in no digest
promise.json          what a run is expected to do, when that is known: in no digest
blobs/sha256/<hex>    everything else
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from compiler.emit.bundle import Build
from runtime.bundle import BLOB_FOLDER, INDEX_NAME
from runtime.errors import RuntimeFault
from runtime.promise import PROMISE_NAME, promise_document

BUILD_INFO_NAME = "build-info.json"
LAUNCH_NAME = "launch.py"


class OutputRefused(RuntimeFault):
    """The folder for the bundle cannot be written, or holds something that is no bundle."""

    code = "output-refused"


def write_bundle(build: Build, folder: Path) -> Path:
    """Write `build` to `folder`, replacing a bundle that is there; returns the folder.

    Raises `OutputRefused` when the folder holds anything else or cannot be written.
    """
    folder = folder.absolute()
    if not _may_replace(folder):
        raise OutputRefused(f"{folder} exists and is no bundle", hint="choose another folder with -o")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(build, staged)
            _replace(folder, staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as err:
        raise OutputRefused(f"{folder} cannot be written: {err.strerror or err}") from err
    return folder


def _may_replace(folder: Path) -> bool:
    try:
        return not any(folder.iterdir()) or (folder / INDEX_NAME).is_file()
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _replace(folder: Path, staged: Path) -> None:
    """Put the inner folder of `staged` in the place of `folder`; the old one goes away with `staged`."""
    if folder.exists():
        folder.rename(staged / "old")
    (staged / "new").rename(folder)


def _write(build: Build, staged: Path) -> None:
    new = staged / "new"
    blobs = new / BLOB_FOLDER
    blobs.mkdir(parents=True)
    for digest, data in build.blobs.items():
        (blobs / digest).write_bytes(data)
    launch = new / LAUNCH_NAME
    launch.write_bytes(build.launch)
    launch.chmod(launch.stat().st_mode | 0o100)
    if build.promise is not None:
        (new / PROMISE_NAME).write_text(json.dumps(promise_document(build.promise)) + "\n", encoding="utf-8")
    (new / BUILD_INFO_NAME).write_text(json.dumps(build_info(build), indent=2) + "\n", encoding="utf-8")
    (new / INDEX_NAME).write_bytes(build.index)


def build_info(build: Build) -> dict[str, str]:
    """When, where and by what the bundle was made."""
    return {
        "bundle": build.digest,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "treadle": tool_version(),
    }


def tool_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("treadle")
    except PackageNotFoundError:
        return "unknown"
