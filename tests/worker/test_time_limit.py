"""An invocation that ends in virtual time: what is handed over, what is repeated, and what can never be done."""

from __future__ import annotations

import pytest

from runtime.failures import whole_records
from runtime.machine.remaining import deadline_in
from tests.worker.graphs import bundle_of, random_bundle
from tests.worker.limited import LimitedWorld
from tests.worker.test_worlds import PLANNERS
from tests.worker.world import sequential

CHAIN = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "e": ["d"], "f": ["e"]}
ONE = dict.fromkeys(CHAIN, "p")


def executions(world: LimitedWorld) -> dict[str, int]:
    return dict(sorted(world.executions.items()))


def failure_of(world: LimitedWorld) -> dict[str, object]:
    with pytest.raises(AssertionError, match=r"^failed: task .* failed"):
        world.run()
    (record,) = whole_records(world.backend.coordinator.status())
    return record


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_chain_longer_than_the_limit_runs_in_several_invocations_and_nothing_twice(planner: str) -> None:
    bundle = bundle_of(CHAIN, planner, pins=ONE if planner == "simple" else None)
    world = LimitedWorld(bundle, 60.0, {name: (25.0,) for name in CHAIN}, alike=" ".join(CHAIN))
    assert world.run() == sequential(bundle)
    assert executions(world) == dict.fromkeys(CHAIN, 1)
    assert world.cut == []
    assert world.invocations == 3


@pytest.mark.parametrize("planner", PLANNERS)
def test_an_attempt_that_the_end_cuts_is_repeated_and_does_not_count(planner: str) -> None:
    bundle = bundle_of(CHAIN, planner, pins=ONE if planner == "simple" else None)
    world = LimitedWorld(bundle, 60.0, {"a": (30.0,), "b": (40.0,), "c": (30.0,)})
    assert world.run() == sequential(bundle)
    assert world.cut == ["b", "c"]
    assert set(world.attempts) == {(name, 1) for name in CHAIN}
    assert world.backend.coordinator.status().errors == {}


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_task_that_is_longer_than_the_limit_fails_when_it_had_all_of_it(planner: str) -> None:
    bundle = bundle_of(CHAIN, planner, pins=ONE if planner == "simple" else None)
    world = LimitedWorld(bundle, 60.0, {"a": (10.0,), "b": (70.0,)})
    record = failure_of(world)
    assert (record["task"], record["type"], record["attempt"]) == ("b", "TimeLimit", 1)
    assert world.cut == ["b", "b"]
    assert world.now - 1_000.0 < 200.0


def test_a_second_attempt_has_not_had_all_of_the_limit() -> None:
    """What failed quickly and is tried again in the same invocation may be cut, and is repeated."""
    bundle = bundle_of({"a": [], "b": []}, "simple", pins={"a": "p", "b": "p"})
    world = LimitedWorld(bundle, 60.0, {"a": (50.0,), "b": (50.0,)})
    assert world.run() == sequential(bundle)
    assert len(world.cut) == 1


def test_no_attempt_begins_for_which_too_little_is_left() -> None:
    roots = {f"r{n}": [] for n in range(7)}
    bundle = bundle_of(roots, "simple", pins=dict.fromkeys(roots, "p"))
    world = LimitedWorld(bundle, 60.0, {name: (25.0,) for name in roots}, alike=" ".join(roots))
    assert world.run() == sequential(bundle)
    assert (world.cut, world.invocations) == ([], 4)


def test_a_task_that_is_not_idempotent_begins_with_its_whole_timeout_left() -> None:
    bundle = bundle_of(CHAIN, "simple", pins=ONE)
    world = LimitedWorld(bundle, 60.0, {name: (15.0,) for name in CHAIN}, idempotent=False)
    assert world.run() == sequential(bundle)
    assert (world.cut, executions(world)) == ([], dict.fromkeys(CHAIN, 1))
    assert world.invocations == 2


def test_tasks_that_are_not_idempotent_share_an_invocation_that_could_not_hold_their_timeout() -> None:
    roots = {f"r{n}": [] for n in range(40)}
    bundle = bundle_of(roots, "simple", pins=dict.fromkeys(roots, "p"))
    world = LimitedWorld(bundle, 10.0, {name: (0.4,) for name in roots}, idempotent=False)
    assert world.run() == sequential(bundle)
    assert (world.cut, executions(world)) == ([], dict.fromkeys(sorted(roots), 1))
    assert world.invocations < 5


def test_a_task_that_is_not_idempotent_is_not_repeated_when_it_is_cut() -> None:
    bundle = bundle_of(CHAIN, "simple", pins=ONE)
    record = failure_of(LimitedWorld(bundle, 60.0, {"a": (70.0,)}, idempotent=False))
    assert (record["task"], record["type"]) == ("a", "TimeLimit")


@pytest.mark.parametrize("planner", PLANNERS)
def test_random_dags_under_a_limit_give_the_sequential_result(planner: str) -> None:
    for seed in range(60):
        bundle = random_bundle(seed, planner, 14)
        names = bundle.graph().names
        takes = {name: (float((seed + n) % 5 * 9),) for n, name in enumerate(names)}
        world = LimitedWorld(bundle, 40.0, takes, seed=seed)
        assert world.run() == sequential(bundle), f"seed {seed}"


@pytest.mark.parametrize(("limit", "margin"), [(900.0, 2.0), (60.0, 2.0), (5.0, 1.0), (1.0, 0.2)])
def test_a_short_limit_keeps_a_short_margin(limit: float, margin: float) -> None:
    deadline = deadline_in(limit - 0.01, 100.0, 2.0)
    assert deadline.margin_s == pytest.approx(margin, rel=0.05)
    assert deadline.limit_s == limit
    assert 100.0 < deadline.until < deadline.stuck_at < 100.0 + limit
