"""A real Redis on a private socket, and the world of each test on every backend."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from runtime.config import WorkerSettings
from tests.contracts.world import SETTINGS, World, memory_world, redis_world

MakeWorld = Callable[..., World]
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


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        socket = Path(folder) / "s"
        flags = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--save", "", "--dir", folder]
        with subprocess.Popen([find_server(), *flags], stdout=subprocess.DEVNULL) as process:
            try:
                wait_ready(process, f"unix://{socket}")
                yield f"unix://{socket}"
            finally:
                process.terminate()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["memory", "redis"])
def make_world(request: pytest.FixtureRequest) -> Iterator[MakeWorld]:
    """Makes worlds on one backend; each is a run of its own."""
    numbers = itertools.count(1)
    made: list[World] = []

    def make(settings: WorkerSettings = SETTINGS) -> World:
        if request.param == "memory":
            return memory_world(settings)
        made.append(redis_world(request.getfixturevalue("client"), f"run{next(numbers)}", settings))
        return made[-1]

    yield make
    for world in made:
        world.backend.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
