"""A Redis and a local Lambda service to run on: a kept one when it lives, else one that ends with its caller.

`ensure_stack` is what a run uses; `start_kept`, `status_kept` and `stop_kept` are `treadle local start|status|stop`.
The service is a process of its own (`service`) that owns all the others, so that a caller which is killed
outright leaves nothing: its end of a pipe closes, and the service goes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.backends.awslambda import AHEAD
from runtime.config import LocalSettings
from runtime.errors import LambdaUnavailable, RuntimeFault
from runtime.local.daemon import daemon_variables, read_ready, start_daemon
from runtime.local.hold import StackEnding, held, stay
from runtime.local.living import REGION, LocalStack, find_kept, is_running, stack_of
from runtime.local.places import RunFolder, StateFolder

STOP_S = 30.0
SERVICE = "the local Lambda service"


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
        yield stack_of(ready, folder.path, started=True)
    finally:
        _end(process)
        folder.remove()


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
    return stack_of(ready, folder.path, started=False)


def stop_kept(deployment: str) -> bool:
    """End the kept stack and everything in it; False when there was none."""
    kept = find_kept(deployment)
    state = StateFolder.of(deployment)
    if kept is None:
        state.remove_remains()
        return False
    os.kill(kept.pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_S
    while is_running(kept.pid):
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
        return [*command, "--redis-url-file", str(_write_privately(folder / "redis-url", settings.redis_url))]
    return [*command, "--redis-data", str(StateFolder.of(settings.deployment).redis_data)]


def _write_privately(path: Path, text: str) -> Path:
    """A file for its user alone: what stands on a command line is seen by everybody."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


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


def _with_redis(stack: LocalStack, redis_url: str) -> LocalStack:
    return LocalStack(
        redis_url=redis_url,
        lambda_endpoint=stack.lambda_endpoint,
        directory=stack.directory,
        started=stack.started,
        pid=stack.pid,
    )
