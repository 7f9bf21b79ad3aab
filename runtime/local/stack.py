"""A Redis and a local Lambda service to run on: a kept one when it lives, else one that ends with its caller.

`ensure_stack` is what a run uses; `start_kept`, `status_kept` and `stop_kept` are `treadle local start|status|stop`.
The service is a process of its own (`service`) that owns all the others, so that a caller which is killed
outright leaves nothing: its end of a pipe closes, and the service goes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from runtime.backends.awslambda import AHEAD
from runtime.config import LocalSettings
from runtime.errors import LambdaUnavailable, RuntimeFault
from runtime.local.daemon import daemon_variables, read_ready, start_daemon
from runtime.local.hold import StackEnding, held, stay
from runtime.local.places import RunFolder, StateFolder, read_stack_record

STOP_S = 30.0
REGION = "us-east-1"
SERVICE = "the local Lambda service"


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

    def status(self) -> dict[str, object]:
        """The service's own account of itself. Raises LambdaUnavailable when it does not answer."""
        return read_status(self.lambda_endpoint)


def read_status(endpoint: str) -> dict[str, object]:
    """GET /treadle/status. Raises LambdaUnavailable when nobody answers, or somebody else does."""
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


@contextmanager
def ensure_stack(settings: LocalSettings) -> Iterator[LocalStack]:
    """The deployment's kept stack when it lives, else a fresh one that ends on exit (or with this process).

    Raises StoreUnavailable (no Redis to be found), LambdaUnavailable (a port in use).
    """
    with suppress(StackEnding), hold_kept(settings) as kept:
        if kept is not None:
            yield kept
            return
    with _own_stack(settings) as stack:
        yield stack


@contextmanager
def hold_kept(settings: LocalSettings) -> Iterator[LocalStack | None]:
    """The deployment's kept stack, which does not end as long as the block lasts; None when there is none.

    Raises `StackEnding` when it ends just now.
    """
    kept = find_kept(settings.deployment)
    if kept is None:
        yield None
        return
    with held(kept.directory):
        yield kept if settings.redis_url is None else _with_redis(kept, settings.redis_url)


@contextmanager
def _own_stack(settings: LocalSettings) -> Iterator[LocalStack]:
    folder = RunFolder.make()
    log = folder.path / "service.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*_command(settings, folder.path), "--lifeline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=daemon_variables(),
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = read_ready(process.stdout, log, what=SERVICE)
        yield _stack(ready, folder.path, started=True)
    finally:
        _end(process)
        folder.remove()


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
    return record is None or (_living(record) is None and not _is_running(int(str(record["pid"]))))


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
    return _stack(record, Path(str(record["directory"])), started=False)


def start_kept(settings: LocalSettings, *, linger_s: float | None = None) -> LocalStack:
    """Start a stack that outlives this process; the running one when there is one (its own settings stand).

    With `linger_s` it ends by itself when nobody has used it for so long; without, it stays, and so does the running
    one from now on. Its Redis saves to the deployment's file every minute and at its end. Raises as `ensure_stack`.
    """
    kept = find_kept(settings.deployment)
    if kept is not None:
        if linger_s is None:
            stay(kept.directory)
        return kept
    state = StateFolder.of(settings.deployment)
    state.remove_remains()
    folder = RunFolder.make()
    log = folder.path / "service.log"
    try:
        lingers = [] if linger_s is None else ["--linger", str(linger_s)]
        ready = start_daemon([*_command(settings, folder.path), "--kept", *lingers], log, what=SERVICE)
    except RuntimeFault:
        folder.remove()
        raise
    state.write_record({**ready, "directory": str(folder.path)})
    return _stack(ready, folder.path, started=False)


def stop_kept(deployment: str) -> bool:
    """End the kept stack and everything in it; False when there was none."""
    kept = find_kept(deployment)
    state = StateFolder.of(deployment)
    if kept is None:
        state.remove_remains()
        return False
    os.kill(kept.pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_S
    while _is_running(kept.pid):
        if time.monotonic() > give_up:
            raise LambdaUnavailable(f"the local service (pid {kept.pid}) does not end")
        time.sleep(0.01)
    state.remove_record()
    shutil.rmtree(kept.directory, ignore_errors=True)
    return True


def status_kept(deployment: str) -> dict[str, object] | None:
    """The kept stack's status with its `directory`; None when there is none."""
    kept = find_kept(deployment)
    return None if kept is None else {**kept.status(), "directory": str(kept.directory)}


def _command(settings: LocalSettings, folder: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "runtime.local.service", "--directory", str(folder)]
    command += ["--port", str(settings.lambda_port), "--region", REGION]
    command += ["--limit", str(settings.concurrency_limit), "--idle-expiry", str(settings.idle_expiry_s)]
    command += [
        "--deployment",
        settings.deployment,
        "--start",
        settings.start,
        "--retries",
        str(settings.retries),
        "--ahead",
        ",".join(AHEAD),
    ]
    if settings.request_rate is not None:
        command += ["--request-rate", str(settings.request_rate), "--request-burst", str(settings.request_burst)]
    if settings.redis_url is not None:
        return [*command, "--redis-url", settings.redis_url]
    return [*command, "--redis-data", str(StateFolder.of(settings.deployment).redis_data)]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let go of the lifeline and wait; a service that does not go is killed."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_running(pid: int) -> bool:
    # A service started by this very process is its child, and stays a zombie until it is waited for.
    with suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _stack(ready: Mapping[str, object], folder: Path, *, started: bool) -> LocalStack:
    return LocalStack(
        redis_url=str(ready["redis_url"]),
        lambda_endpoint=str(ready["endpoint"]),
        directory=folder,
        started=started,
        pid=int(str(ready["pid"])),
    )


def _with_redis(stack: LocalStack, redis_url: str) -> LocalStack:
    return LocalStack(
        redis_url=redis_url,
        lambda_endpoint=stack.lambda_endpoint,
        directory=stack.directory,
        started=stack.started,
        pid=stack.pid,
    )
