"""What an invocation does to its run when it cannot serve its payload: the handler over a real Redis."""

from __future__ import annotations

import pytest
import redis

from runtime.errors import BundleInvalid
from runtime.lambda_handler import Environment
from runtime.measures.measuring import Beginning
from runtime.pages import env_row
from runtime.ports import Status
from tests.contracts.world import ENV, START_S, World, redis_world, store

LOST_DIGEST = "0" * 64


@pytest.fixture
def world(client: redis.Redis) -> World:
    world = redis_world(client, "run")
    world.launch({"w0": {"a": -1}})
    return world


def serve(redis_url: str) -> None:
    """One invocation of w0, whose SubDag is nowhere."""
    variables = {
        "TREADLE_DEPLOYMENT": "test",
        "TREADLE_KEYS": "00" * 32,
        "TREADLE_REDIS_URL": redis_url,
        "TREADLE_FUNCTION_PREFIX": "treadle-test-",
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1",
    }
    event = {
        "v": 1,
        "run": "run",
        "worker": "w0",
        "env": env_row(ENV),
        "at": START_S,
        "start": [],
        "subdag": {"sha256": LOST_DIGEST},
    }
    environment = Environment(variables)
    try:
        environment.serve(event, 60.0, Beginning(is_cold=True))
    finally:
        environment._link.close()


def test_an_invocation_that_cannot_begin_fails_its_run_with_the_reason(redis_url: str, world: World) -> None:
    with pytest.raises(BundleInvalid):
        serve(redis_url)
    status = world.coordinator.status()
    assert status.meta == "failed"
    assert status.reason == f"worker w0: E603: blob {LOST_DIGEST[:12]}… is not in the store"


def test_a_duplicate_that_cannot_begin_leaves_the_run_alone(redis_url: str, client: redis.Redis, world: World) -> None:
    # The handler asks the server's own clock, so the lease of the one that lives is counted from that.
    seconds, _ = client.time()
    world.advance(seconds - START_S)
    world.begin("w0", "t1")
    with pytest.raises(BundleInvalid):
        serve(redis_url)
    assert world.coordinator.status().meta == "run"
    assert world.commit("w0", store("a")).status is Status.OK
