"""What is learned of a platform: starts of a launch apart, work without company, and what a simulation was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.predict.platform import Platform, learn_platform
from compiler.predict.predictions import predict
from compiler.simulate.conditions import Conditions
from compiler.simulate.world import simulate
from runtime.history.gathering import Code, history_of
from runtime.history.records import EnvironmentHistory, merge_graphs
from runtime.history.relation import Relation
from runtime.history.sketch import Sketch
from tests.predict.histories import environment, family, history
from tests.simulate.planned import draw, workload

FAN = """
tasks:
  list: {call: "functions:f"}
  map: {foreach: {i: "${{ range(8) }}"}, call: "functions:f", args: ["${{ tasks.list }}"]}
  end: {call: "functions:g", args: ["${{ tasks.map }}"]}
result: ${{ tasks.end }}
"""


def platform(**kinds: list[tuple[float, float]]) -> Platform:
    relations = {name.replace("_", " "): Relation.of(points) for name, points in kinds.items()}
    return learn_platform({"e": EnvironmentHistory(memory_mb=1769, exponent=0.0, kinds=relations)})


def test_what_a_launch_waits_for_its_platform_is_no_part_of_other_starts() -> None:
    found = platform(start_launch=[(1000, 0.25)] * 20, start_cold=[(1000, 0.02)] * 40)
    assert found.start("any", "cold").median == pytest.approx(0.02, rel=0.02)
    assert found.ready.median == pytest.approx(0.23, rel=0.02)


def test_where_only_launches_were_seen_their_starts_are_everyones() -> None:
    found = platform(start_launch=[(1000, 0.25)] * 20)
    assert found.start("any", "cold").median == pytest.approx(0.25, rel=0.02)
    assert found.ready.median < 1e-5


def test_what_had_company_is_not_taken_for_what_work_takes_alone() -> None:
    alone, crowded = [(0, 0.01)] * 8, [(0, 0.05)] * 12
    assert platform(setup_cold=alone + crowded).setup_cold_s == pytest.approx(0.01, rel=0.02)


def test_a_rate_is_what_a_million_bytes_took() -> None:
    found = platform(begin=[(0, 1e-6)], upload_per_MB=[(1e6, 0.02)] * 10)
    assert found.bytes_per_s == pytest.approx(5e7, rel=0.1)


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_what_a_simulation_was_told_is_learned_from_its_timelines(tmp_path: Path, planner: str) -> None:
    load = workload(tmp_path, FAN, planner=planner)
    told = Conditions(
        concurrency=8, round_trip_s=0.004, invoke_s=0.01, setup_cold_s=0.03, setup_warm_s=0.002, leave_s=0.005
    )
    times = draw(load, exec_s=0.1, cold_s=0.15, warm_s=0.01, code_load_s=0.05)
    timeline = simulate(load, told, replace(times, ready_s=0.2)).timeline
    code = Code(fingerprints={"list": "1", "map": "2", "end": "3"}, code_bytes=1000)
    runs = [history_of(replace(timeline, run=f"{n}_test_aa_bb"), code, "succeeded") for n in range(3)]
    found = learn_platform(merge_graphs(runs).environments)
    assert found.round_trip_s == pytest.approx(0.004, rel=0.05)
    assert found.invoke_s == pytest.approx(0.01, rel=0.05)
    assert found.setup_cold_s == pytest.approx(0.03, rel=0.05)
    assert found.code_load_s == pytest.approx(0.05, rel=0.05)
    assert found.start("any", "cold").median == pytest.approx(0.15, rel=0.1)
    assert found.ready.median == pytest.approx(0.2, rel=0.1)


def test_the_share_of_work_is_that_of_the_executions_it_is_known_of(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN)
    known = replace(family([[0.5]] * 10), cpu=Sketch.of([0.25] * 4))
    found = predict(load.source, ["f"] * 3, history({"map": known}, {"e": environment(1769)}))
    assert found.execution(1, 1769).cpu_share == pytest.approx(0.25, rel=0.02)
    assert found.draws(load.plan, 2).cpu_share[1] == pytest.approx(0.25, rel=0.02)


def test_a_task_of_its_own_history_is_not_taken_for_others_that_call_its_function(tmp_path: Path) -> None:
    load = workload(tmp_path, FAN)
    long, short = family([[5.0]] * 10), family([[0.1]] * 10)
    known = history({"list": long, "map": short}, {"e": environment(1769)})
    found = predict(load.source, ["f"] * 3, known)
    assert found.seconds(0, 1769).median == pytest.approx(5.0, rel=0.05)
    assert found.seconds(1, 1769).median == pytest.approx(0.1, rel=0.05)
    assert found.seconds(len(load.source) - 1, 1769).count == 20


def test_what_invocations_of_many_tasks_take_is_spent_on_their_tasks_but_for_what_leaving_takes() -> None:
    found = platform(own=[(250, 0.023)] * 20)
    assert found.leave_s == pytest.approx(0.003)
    assert found.task_s == pytest.approx(0.02 / 250, rel=0.03)


@pytest.mark.parametrize(("seen", "needed"), [(1_000_000, 640), (1_000, None)], ids=["as many", "fewer"])
def test_memory_is_known_to_be_enough_for_as_many_bytes_as_were_seen(
    tmp_path: Path, seen: int, needed: int | None
) -> None:
    load = workload(tmp_path, FAN)
    large = family([[0.5]] * 10, input_bytes=1000, output=[(1000, 1_000_000)] * 10)
    known = history(
        {"list": large, "map": family([[0.5]] * 10, input_bytes=seen, fingerprint="g")},
        {"e": replace(environment(1769), peak_memory_mb=Sketch.of([320.0] * 10))},
    )
    found = predict(load.source, ["f", "g", "h"], known)
    assert found.flow.input_bytes[1] == pytest.approx(1_000_000, rel=0.1)
    assert found.needed_mb(1) == needed
