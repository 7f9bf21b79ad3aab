"""Retries in virtual time: which failures are repeated, when, and that nobody waits for them who need not."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import pytest

from runtime.failures import whole_records
from runtime.plan import Retry
from tests.worker.flaky import DIES, FlakyWorld
from tests.worker.graphs import bundle_of, random_bundle
from tests.worker.test_worlds import KINDS, PLANNERS
from tests.worker.world import Faults, sequential

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
JITTERS = ("none", "full", "equal", "decorrelated")


def every_failure(**fields: object) -> Retry:
    return Retry(kills_only=False, **fields)  # type: ignore[arg-type]


def failure_of(world: FlakyWorld) -> dict[str, object]:
    """The one record of a run that fails."""
    with pytest.raises(AssertionError, match=r"^failed: task .* failed"):
        world.run()
    (record,) = whole_records(world.backend.coordinator.status())
    return record


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("kind", KINDS)
def test_random_dags_with_failing_tasks_give_the_sequential_result(kind: str, planner: str) -> None:
    for seed in range(80):
        random = Random(seed)
        bundle = random_bundle(seed, planner, random.choice((1, 3, 6, 12, 25)))
        names = bundle.graph().names
        failing = [name for name in names if random.random() < 0.3]
        retries = {
            name: every_failure(
                max=50,
                delay_s=random.choice((0.0, 0.2, 5.0, 300.0)),
                backoff=random.choice((1.0, 2.0)),
                max_delay_s=random.choice((None, 400.0)),
                jitter=random.choice(JITTERS),
            )
            for name in names
        }
        ends = {name: ["ValueError"] * random.randint(1, 3) for name in failing}
        world = FlakyWorld(bundle, seed, ends=ends, retries=retries, faults=KINDS[kind], environments=1 + seed % 4)
        assert world.run() == sequential(bundle), f"seed {seed}"


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("delay_s", [0.0, 0.5, 30.0, 3600.0])
def test_each_attempt_waits_its_time_and_not_much_longer(planner: str, delay_s: float) -> None:
    retry = every_failure(max=4, delay_s=delay_s, backoff=2.0, max_delay_s=4 * delay_s)
    world = FlakyWorld(bundle_of(DIAMOND, planner), 1, ends={"b": ["OSError"] * 4}, retries={"b": retry})
    world.run()
    times = world.ran_at["b"]
    waits = [later - earlier for earlier, later in pairwise(times)]
    wanted = [delay_s, 2 * delay_s, 4 * delay_s, 4 * delay_s]
    assert all(want <= got <= want + 2.0 for want, got in zip(wanted, waits, strict=True)), waits
    assert world.attempts["b"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_long_wait_holds_no_environment_and_no_other_task(planner: str) -> None:
    inputs = {"a": [], "b": ["a"], "c": ["a"], "e": ["c"], "d": ["b", "e"]}
    pins = {name: "w" for name in inputs} if planner == "simple" else None
    world = FlakyWorld(
        bundle_of(inputs, planner, pins=pins),
        1,
        ends={"b": ["OSError"]},
        retries={"b": every_failure(max=1, delay_s=600.0)},
        environments=1,
    )
    world.run()
    failed_at, repeated_at = world.ran_at["b"]
    assert repeated_at >= failed_at + 600.0
    assert world.ran_at["e"][0] < failed_at + 5.0
    assert all(count == 0 for now, count in world.in_use if failed_at + 5.0 < now < failed_at + 600.0)
    assert world.executions == {"a": 1, "b": 2, "c": 1, "d": 1, "e": 1}


def test_a_short_wait_is_sat_out_by_the_same_incarnation() -> None:
    world = FlakyWorld(
        bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "w", "b": "w"}),
        1,
        ends={"b": ["OSError"] * 3},
        retries={"b": every_failure(max=3, delay_s=0.3)},
    )
    world.run()
    assert (world.invocations, world.executions) == (1, {"a": 1, "b": 4})


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_wait_survives_the_death_of_the_worker_that_waits(planner: str) -> None:
    for delay_s in (0.9, 40.0):
        for seed in range(30):
            world = FlakyWorld(
                bundle_of(DIAMOND, planner),
                seed,
                ends={"d": ["OSError"] * 2},
                retries={"d": every_failure(max=12, delay_s=delay_s)},
                faults=Faults(kill=0.05, kills=4),
            )
            assert world.run() == sequential(world.bundle), f"seed {seed}"
            assert len(world.attempts["d"]) <= 3 + world.kills


@pytest.mark.parametrize("planner", PLANNERS)
def test_attempts_over_the_bound_fail_the_run_with_all_that_came_before(planner: str) -> None:
    ends = {"b": ["OSError", "KeyError", "OSError"]}
    world = FlakyWorld(bundle_of(DIAMOND, planner), 1, ends=ends, retries={"b": every_failure(max=2, delay_s=60.0)})
    record = failure_of(world)
    assert (record["task"], record["attempt"], record["type"]) == ("b", 3, "OSError")
    assert record["earlier"] == [
        {"attempt": 1, "type": "OSError", "message": ""},
        {"attempt": 2, "type": "KeyError", "message": ""},
    ]
    assert world.executions["b"] == 3


@pytest.mark.parametrize(
    ("retry", "executions"),
    [
        (Retry(), 1),
        (every_failure(max=0), 1),
        (every_failure(max=3), 4),
        (every_failure(max=3, on=("KeyError",)), 1),
        (every_failure(max=3, on=("KeyError", "OSError")), 4),
        (every_failure(max=3, on=("Exception",)), 4),
        (every_failure(max=3, on=("Killed",)), 1),
    ],
)
def test_only_the_failures_that_are_named_are_repeated(retry: Retry, executions: int) -> None:
    world = FlakyWorld(bundle_of(DIAMOND, "simple"), 1, ends={"b": ["OSError"] * 9}, retries={"b": retry})
    assert failure_of(world)["type"] == "OSError"
    assert world.executions["b"] == executions


@pytest.mark.parametrize("planner", PLANNERS)
def test_an_attempt_that_kills_its_process_is_repeated_after_its_wait(planner: str) -> None:
    retry = every_failure(max=3, delay_s=120.0, on=("Killed",))
    world = FlakyWorld(bundle_of(DIAMOND, planner), 1, ends={"b": [DIES] * 4}, retries={"b": retry})
    assert world.run() == sequential(world.bundle)
    counted = [
        later - earlier
        for (earlier, before), (later, after) in pairwise(zip(world.ran_at["b"], world.attempts["b"], strict=True))
        if after > before
    ]
    assert len(counted) >= 2 and min(counted) >= 120.0


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    ("retry", "attempt", "text"),
    [
        (Retry(), 3, "in each of its 3 attempts"),
        (every_failure(max=2, delay_s=90.0), 3, "in each of its 3 attempts"),
        (every_failure(max=5, on=("OSError",)), 1, "in attempt 1"),
        (Retry(max=0), 1, "in its attempt"),
    ],
)
def test_a_task_that_always_kills_its_process_is_named(planner: str, retry: Retry, attempt: int, text: str) -> None:
    world = FlakyWorld(bundle_of(DIAMOND, planner), 1, ends={"b": [DIES] * 99}, retries={"b": retry})
    record = failure_of(world)
    assert (record["task"], record["attempt"], record["type"]) == ("b", attempt, "Killed")
    assert text in str(record["message"])
    earlier = record["earlier"]
    assert isinstance(earlier, list)
    assert [one["type"] for one in earlier] == ["Killed"] * (attempt - 1)


def test_kills_and_other_failures_count_together() -> None:
    ends = {"b": ["OSError", DIES, DIES, "OSError", "OSError"]}
    retry = every_failure(max=3, on=("OSError", "Killed"))
    record = failure_of(FlakyWorld(bundle_of(DIAMOND, "simple"), 1, ends=ends, retries={"b": retry}))
    assert (record["attempt"], record["type"]) == (4, "OSError")
    assert [json.dumps(one["type"]) for one in record["earlier"]] == ['"OSError"', '"Killed"', '"OSError"']  # type: ignore[attr-defined]


def test_the_same_seed_waits_the_same_time() -> None:
    def times(seed: int) -> list[float]:
        retry = every_failure(max=5, delay_s=100.0, backoff=2.0, jitter="full")
        world = FlakyWorld(bundle_of(DIAMOND, "simple"), seed, ends={"b": ["OSError"] * 5}, retries={"b": retry})
        world.run()
        return world.ran_at["b"]

    assert times(1) == times(1)
    assert times(1) != times(2)
