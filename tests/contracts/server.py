"""A real Redis server of the tests' own, on a private socket; a test fails when it cannot start."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import redis

from runtime.backends.redis import connect

SERVERS = ("redis-server", "valkey-server")
START_LIMIT_S = 20.0


def find_server() -> str:
    for name in SERVERS:
        for path in (None, "/usr/bin:/usr/sbin:/usr/local/bin"):
            found = shutil.which(name, path=path)
            if found:
                return found
    pytest.fail("the contract suite needs a redis-server or valkey-server")


def wait_ready(process: subprocess.Popen[bytes], url: str) -> None:
    """Until a PING is answered; an exit of the server or the limit is a failure."""
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
                return
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail("the test's Redis server did not start")


def start_server(folder: str) -> tuple[subprocess.Popen[bytes], str]:
    """The process and its URL, ready."""
    socket = Path(folder) / "s"
    flags = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--save", "", "--dir", folder]
    process = subprocess.Popen([find_server(), *flags], stdout=subprocess.DEVNULL)
    try:
        wait_ready(process, f"unix://{socket}")
    except pytest.fail.Exception:
        process.kill()
        raise
    return process, f"unix://{socket}"


def client_of(url: str) -> redis.Redis:
    """A client of one server, with the connections that treadle itself uses."""
    client = connect(url)
    assert isinstance(client, redis.Redis), "it is no cluster"
    return client
