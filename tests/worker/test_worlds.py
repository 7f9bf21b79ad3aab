"""The worker's state machine over random DAGs: whatever is lost, doubled or killed, the result is the same."""

from __future__ import annotations

from random import Random

import pytest

from tests.worker.graphs import bundle_of, random_bundle
from tests.worker.world import Faults, World, sequential

PLANNERS = ("simple", "wukong")
KINDS = {
    "calm": Faults(),
    "lossy": Faults(lose_hint=0.5, duplicate=0.3, lose_call=0.2),
    "deadly": Faults(kill=0.02, lose_hint=0.3, duplicate=0.2, lose_call=0.1),
    "short_of_time": Faults(time_up=0.01, lose_hint=0.2),
}
SHAPES = {
    "single": {"a": []},
    "diamond": {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]},
    "twice_in_a_call": {"a": [], "b": ["a"]},
    "many_sinks": {"a": [], **{f"s{n}": ["a"] for n in range(9)}},
    "disconnected": {"a": [], "b": ["a"], "x": [], "y": ["x"]},
    "skips_levels": {"a": [], "b": ["a"], "c": ["b", "a"], "d": ["c", "a", "b"]},
    "shared_fan_ins": {
        **{f"r{n}": [] for n in range(4)},
        **{f"j{n}": [f"r{m}" for m in range(4)] for n in range(3)},
        "end": ["j0", "j1", "j2"],
    },
    "chain": {f"c{n}": [f"c{n - 1}"] if n else [] for n in range(300)},
    "fan_out_in": {
        "top": [],
        **{f"m{n}": ["top"] for n in range(600)},
        "end": [f"m{n}" for n in range(600)],
    },
}


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("kind", KINDS)
def test_random_dags_give_the_sequential_result(kind: str, planner: str) -> None:
    for seed in range(120):
        size = Random(seed).choice((1, 3, 6, 12, 25, 60))
        bundle = random_bundle(seed, planner, size)
        world = World(bundle, seed, faults=KINDS[kind], environments=1 + seed % 4)
        assert world.run() == sequential(bundle), f"seed {seed}"


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_give_the_sequential_result_and_run_each_task_once(shape: str, planner: str) -> None:
    bundle = bundle_of({name: list(inputs) for name, inputs in SHAPES[shape].items()}, planner)
    world = World(bundle, seed=1)
    assert world.run() == sequential(bundle)
    assert set(world.executions.values()) == {1}


def test_a_wide_fan_out_is_a_handful_of_invocations() -> None:
    bundle = bundle_of(SHAPES["fan_out_in"], "wukong")
    world = World(bundle, seed=1, fan_out=4)
    world.run()
    assert world.invocations <= 16


def test_a_task_with_several_outputs_moves_each_on_its_own_edge() -> None:
    inputs = {"a": [], "b": ["a.x"], "c": ["a.y"], "d": ["b", "c", "a.x"]}
    outputs = {"a": ("x", "y")}

    def work(task, values):  # type: ignore[no-untyped-def]
        if task.name == "a":
            return {"x": 1, "y": 2}
        return (task.name, *(values[edge.slot] for edge in task.in_edges))

    for planner in PLANNERS:
        for pins in (None, {"a": "p", "b": "p", "c": "q", "d": "q"}):
            bundle = bundle_of(inputs, planner, outputs=outputs, pins=pins)
            got = World(bundle, seed=3, work=work).run()
            assert got == {"d": ("d", ("b", 1), ("c", 2), 1)}


def test_a_task_may_come_after_one_of_several_outputs() -> None:
    inputs = {"a": [], "b": ["a"], "c": ["a.x", "b"]}

    def work(task, values):  # type: ignore[no-untyped-def]
        return {"x": 1, "y": 2} if task.name == "a" else (task.name, *(values[edge.slot] for edge in task.in_edges))

    for planner in PLANNERS:
        for pins in (None, {"a": "p", "b": "q", "c": "q"}):
            bundle = bundle_of(inputs, planner, outputs={"a": ("x", "y")}, pins=pins)
            assert World(bundle, seed=3, work=work).run() == {"c": ("c", 1, ("b", None))}


def test_three_start_tasks_of_one_worker_and_one_that_waits_run_in_one_invocation() -> None:
    inputs = {"a": [], "b": [], "c": [], "far": [], "w": ["far"], "end": ["a", "b", "c", "w"]}
    pins = {"a": "p", "b": "p", "c": "p", "w": "p", "end": "p", "far": "q"}
    bundle = bundle_of(inputs, "simple", pins=pins)
    (entry,) = [entry for entry in bundle.entries if entry.worker == "p"]
    assert entry.start == ("a", "b", "c")
    world = World(bundle, seed=1, environments=2)
    assert world.run() == sequential(bundle)
