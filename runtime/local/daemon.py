"""A process that outlives its starter, and the first line that it says: the local service, a run's watchdog."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from typing import IO

import runtime
from runtime.errors import LambdaUnavailable, StoreUnavailable

START_S = 45.0


def daemon_variables() -> dict[str, str]:
    """The caller's environment, with the place of this very `runtime` package in front of its search path."""
    place = str(Path(runtime.__file__ or "").parent.parent)
    path = os.pathsep.join(part for part in (place, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def start_daemon(command: list[str], log: Path, *, what: str) -> dict[str, object]:
    """Start it in a session of its own: nobody waits for it, and no object stands for it here.

    Returns its first line. Raises as `read_ready`.
    """
    ours, theirs = os.pipe()
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
    ]
    try:
        os.posix_spawn(command[0], command, daemon_variables(), file_actions=files, setsid=True)
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb") as ready:
        return read_ready(ready, log, what=what)


def read_ready(output: IO[bytes], log: Path, *, what: str) -> dict[str, object]:
    """A daemon's first line, JSON. Raises the fault that it tells, or what its silence means."""
    readable, _, _ = select.select([output.fileno()], [], [], START_S)
    line = output.readline() if readable else b""
    if not line:
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no word from it"]
        raise LambdaUnavailable(f"{what} does not start: {last[0]}")
    ready: dict[str, object] = json.loads(line)
    if "error" in ready:
        fault = StoreUnavailable if ready["error"] == StoreUnavailable.code else LambdaUnavailable
        raise fault(str(ready["message"]), hint=str(ready["hint"]))
    return ready
