"""One local Lambda service with its Redis for each module of tests, in a home folder of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import redis

from runtime.config import LocalSettings
from runtime.local.stack import ensure_stack
from tests.integration.running import CONCURRENCY, DEPLOYMENT, Bench


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, key or state of the user's is read or written, nor what a deployment keeps of other modules' runs."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("TREADLE_", "XDG_", "AWS_")):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        yield


@pytest.fixture(scope="module")
def bench(own_home: None) -> Iterator[Bench]:
    """Ten environments at most, whatever the machine has."""
    with (
        ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=CONCURRENCY)) as stack,
        redis.Redis.from_url(stack.redis_url) as client,
    ):
        yield Bench(stack, client)
