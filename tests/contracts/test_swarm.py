"""Several simple workers run random graphs under faults, on both backends, and agree with the sequential run."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.config import WorkerSettings
from tests.contracts.server import client_of
from tests.contracts.swarm import Swarm, random_dag, store_first, stored_counts
from tests.contracts.world import World, memory_world, redis_world

SEEDS = st.integers(0, 2**32)
PATIENT = WorkerSettings(max_tries=1_000)
LENIENT = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def one_client(redis_url: str) -> Iterator[redis.Redis]:
    with client_of(redis_url) as client:
        yield client


def run_seed(world: World, seed: int) -> None:
    """A graph, a plan, a rate of faults and a set of outputs stored before, all drawn from one seed."""
    rng = random.Random(seed)
    dag = random_dag(rng, rng.randrange(1, 25), rng.choice((0.0, 0.5, 1.0)))
    stored = frozenset(task for task in range(len(dag.inputs)) if rng.random() < rng.choice((0.0, 0.0, 0.4)))
    if stored:
        store_first(world, dag, stored)
    swarm = Swarm(world, dag, rng, faults=rng.choice((0.0, 0.05, 0.2)), rebuilds=rng.choice((0.0, 0.0, 0.02)))
    swarm.run(stored)

    expected = dag.sequential()
    names = list(expected)
    for name, value in zip(names, world.values.fetch(names), strict=True):
        assert value in (None, expected[name])
    counts = stored_counts(world)
    assert set(counts.values()) <= {1}, "each output is stored once"
    assert world.coordinator.status().meta == "run"


@settings(max_examples=150, **LENIENT)
@given(seed=SEEDS)
def test_any_graph_survives_kills_duplicates_and_lost_replies_in_memory(seed: int) -> None:
    world = memory_world(PATIENT)
    run_seed(world, seed)
    world.coordinator.finish()
    assert world.backend.state.is_empty()  # type: ignore[union-attr]


@settings(max_examples=15, **LENIENT)
@given(seed=SEEDS)
def test_any_graph_survives_kills_duplicates_and_lost_replies_in_redis(one_client: redis.Redis, seed: int) -> None:
    one_client.flushall()
    world = redis_world(one_client, "run", PATIENT)
    run_seed(world, seed)
    world.coordinator.finish()
    assert [key for key in one_client.scan_iter() if not key.startswith(b"test:clock")] == []
