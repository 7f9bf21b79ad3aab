"""Services for tests: one of the test's own, or one shared by a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.harness import LocalService, no_redis, running_service


@pytest.fixture
def run_service(tmp_path: Path) -> Iterator[Callable[..., LocalService]]:
    """Start services with given arguments; they end with the test. They have no Redis unless `redis=True`."""
    open_services: list[LocalService] = []
    contexts = []

    def start(*arguments: str, redis: bool = False, **options: object) -> LocalService:
        extra = () if redis else no_redis(tmp_path)
        context = running_service(tmp_path / f"s{len(contexts)}", *extra, *arguments, **options)  # type: ignore[arg-type]
        open_services.append(context.__enter__())
        contexts.append(context)
        return open_services[-1]

    yield start
    for context in reversed(contexts):
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """One service with the function `echo`, for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    with running_service(folder / "s", *no_redis(folder), limit=8) as service:
        service.create(Timeout=60, MemorySize=256, Environment={"Variables": {"GREETING": "hello"}})
        yield service


@pytest.fixture(scope="module", params=["zygote", "exec"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """One service in each mode of starting, for tests that make functions of their own."""
    folder = tmp_path_factory.mktemp("either")
    with running_service(folder / "s", *no_redis(folder), "--start", request.param, limit=8) as service:
        yield service
