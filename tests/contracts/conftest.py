"""A real Redis on a private socket, and the world of each test on every backend."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator

import pytest
import redis

from runtime.config import WorkerSettings
from tests.contracts.server import start_server
from tests.contracts.world import SETTINGS, World, memory_world, redis_world

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process:
            yield url
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
