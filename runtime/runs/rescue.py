"""Runs of a stack that was killed outright, or lost its machine: what its Redis had saved becomes files.

A stack that ends by itself archives its runs. One that cannot leaves its record behind, and the data that its Redis
saved within the last minute; whoever looks for runs next starts a Redis on them for a moment.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.errors import RuntimeFault
from runtime.local.living import has_remains, remove_remains
from runtime.local.places import StateFolder
from runtime.local.redis_server import start_redis
from runtime.runs.archive import archive_all

DATA = "treadle.rdb"


def rescue(deployment: str) -> None:
    """Archive what a stack that was lost has saved, unless another process uses the data."""
    state = StateFolder.of(deployment)
    if not has_remains(deployment):
        return
    with _claimed(state.redis_data) as is_mine:
        if is_mine and (state.redis_data / DATA).exists():
            with suppress(RuntimeFault, OSError):
                _archive(deployment, state.redis_data)
        if is_mine:
            remove_remains(deployment)


def _archive(deployment: str, data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="treadle-", dir="/tmp") as folder:
        server = start_redis(Path(folder), data=data)
        try:
            archive_all(server.url, deployment, logs=Path(folder) / "logs")
        finally:
            server.stop()


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_mine = True
    except OSError:
        is_mine = False
    try:
        yield is_mine
    finally:
        os.close(lock)
