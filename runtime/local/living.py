"""The stacks of a deployment that live: the kept one, and those that end with their runs. Who is lost is told apart.

A stack is found by the record that it left in the state folder, and believed when its service answers with the
process id that stands there. Starting and ending stacks is `runtime.local.stack`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runtime.errors import LambdaUnavailable
from runtime.local.places import StateFolder, read_stack_record
from runtime.secrecy.confided import SOCKET

REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """Where a run finds its Redis and its Lambda. `started`: this caller started it, and it ends with the caller.

    `directory` holds logs (`logs/<function>/<environment>.log`), code and sockets of the service.
    """

    redis_url: str
    lambda_endpoint: str
    directory: Path
    started: bool
    pid: int
    region: str = REGION

    @property
    def vault(self) -> Path:
        """The socket for what is confided to the service."""
        return self.directory / SOCKET

    def status(self) -> dict[str, object]:
        """The service's own account of itself. Raises LambdaUnavailable when it does not answer."""
        return read_status(self.lambda_endpoint)


def read_status(endpoint: str) -> dict[str, object]:
    """GET /treadle/status. Raises LambdaUnavailable when nobody answers, or somebody else does."""
    from http.client import HTTPConnection, HTTPException

    parts = urlsplit(endpoint)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/treadle/status")
        status = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as err:
        raise LambdaUnavailable(f"no local Lambda service answers at {endpoint}: {err}") from err
    finally:
        connection.close()
    if not isinstance(status, dict) or "pid" not in status:
        raise LambdaUnavailable(f"what answers at {endpoint} is no local Lambda service")
    return status


def find_kept(deployment: str) -> LocalStack | None:
    """The deployment's kept stack; None when there is none that lives."""
    return _living(StateFolder.of(deployment).read_record())


def live_stacks(deployment: str) -> list[LocalStack]:
    """Every stack of the deployment that lives: the kept one first, then those that end with their runs."""
    found = [_living(read_stack_record(path)) for path in _listed(deployment)]
    return [stack for stack in found if stack is not None]


def has_remains(deployment: str) -> bool:
    """Whether a stack of the deployment was killed outright: its record is there, and it is not."""
    return any(map(_is_lost, _listed(deployment)))


def remove_remains(deployment: str) -> None:
    """Remove what stacks left that were killed outright."""
    state = StateFolder.of(deployment)
    if _is_lost(state.record):
        state.remove_remains()
    for path in _listed(deployment):
        if _is_lost(path):
            path.unlink(missing_ok=True)


def _is_lost(path: Path) -> bool:
    """A service that only does not answer in time is not lost."""
    record = read_stack_record(path)
    return record is None or (_living(record) is None and not is_running(int(str(record["pid"]))))


def _listed(deployment: str) -> list[Path]:
    state = StateFolder.of(deployment)
    return [path for path in (state.record, *sorted(state.stacks.glob("*.json"))) if path.exists()]


def _living(record: Mapping[str, object] | None) -> LocalStack | None:
    if record is None:
        return None
    try:
        status = read_status(str(record["endpoint"]))
    except LambdaUnavailable:
        return None
    if status["pid"] != record["pid"]:
        return None
    return stack_of(record, Path(str(record["directory"])), started=False)


def is_running(pid: int) -> bool:
    """Whether the process runs."""
    # A service started by this very process is its child, and stays a zombie until it is waited for.
    with suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Ended, and not yet waited for by whoever has to; where there is no `/proc`, nobody knows."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def stack_of(ready: Mapping[str, object], folder: Path, *, started: bool) -> LocalStack:
    """The stack that a record, or the first line of a service, tells of."""
    return LocalStack(
        redis_url=str(ready["redis_url"]),
        lambda_endpoint=str(ready["endpoint"]),
        directory=folder,
        started=started,
        pid=int(str(ready["pid"])),
    )
