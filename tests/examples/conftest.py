"""What the tests of the examples have in common: their functions, and a place to run them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.examples.loading import Functions, loaded_modules
from tests.shell import Shell, shell_at


@pytest.fixture
def functions() -> Iterator[Functions]:
    """`functions("gemm/gemm.py")`: the module at that path; forgotten after the test."""
    with loaded_modules() as load:
        yield load


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, redis.Redis]]:
    """A local Lambda service and a Redis for all tests of a module, started and stopped by the command line."""
    shell = shell_at(tmp_path_factory.mktemp("home"))
    answer = shell.json("local", "start")
    try:
        with redis.Redis.from_url(answer["redis_url"]) as client:
            yield shell, client
    finally:
        assert shell.json("local", "stop")["stopped"]
