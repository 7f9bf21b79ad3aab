"""The local Lambda service: the kept one, which must answer and be of this version, or what would hinder a new one."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

from compiler.cli.health.findings import Finding, error, note, ok, warning
from compiler.cli.verbs.version import version
from runtime.config import LocalSettings
from runtime.errors import LambdaUnavailable
from runtime.local.kept_settings import ANEW, differences
from runtime.local.living import LocalStack, find_kept, is_running
from runtime.local.places import StateFolder

NAME = "service"


def local_service(local: LocalSettings) -> Iterator[Finding]:
    kept = find_kept(local.deployment)
    if kept is not None:
        yield from _kept(kept, local)
        return
    record = StateFolder.of(local.deployment).read_record()
    if record is None:
        yield note(NAME, "none is kept; every run starts its own")
    elif is_running(int(str(record["pid"]))):
        hint = f"wait, or end the process {record['pid']}: treadle local start starts another"
        yield warning(NAME, f"the kept one at {record['endpoint']} does not answer; every run starts its own", hint)
    else:
        yield note(NAME, "the kept one was killed; every run starts its own, and `treadle local start` tidies up")
    if local.lambda_port:
        yield _port(local.lambda_port)


def _kept(kept: LocalStack, local: LocalSettings) -> Iterator[Finding]:
    try:
        status = kept.status()
    except LambdaUnavailable as fault:
        yield error(NAME, fault.message, ANEW)
        return
    running, here = str(status.get("version", "")), version()
    text = f"kept at {kept.lambda_endpoint}, pid {kept.pid}, version {running or 'unknown'}"
    if running != here:
        yield warning(NAME, f"{text}; this is {here}", ANEW)
    else:
        yield ok(NAME, text)
    others = ", ".join(differences(status, kept, local))
    if others:
        yield warning(NAME, f"it was started with other settings, and keeps them: {others}", ANEW)


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as err:
            words = os.strerror(err.errno or errno.EIO)
            return error("port", f"{port} of 127.0.0.1 cannot be used: {words}", "set another `lambda_port`, or 0")
    return ok("port", f"{port} is free")
