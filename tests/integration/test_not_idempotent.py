"""A task that must not run twice, on real environments that are killed: counted by the lines that it writes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import RunFailed
from tests.faults.campaign import run_under
from tests.faults.kill_environments import kill_one
from tests.faults.workloads import SHORT_LEASES, small_bench
from tests.integration.running import PLANNERS, Bench, compile_at, run_sequentially, write_workflow

CHARGES = """
params: {file: {type: str}}
tasks:
  order: {call: "functions:order", foreach: {i: "${{ range(12) }}"}, args: ["${{ i }}"]}
  charge:
    call: functions:FUNCTION
    foreach: {i: "${{ range(12) }}"}
    args: ["${{ params.file }}", "${{ i }}", "${{ tasks.order[i] }}"]
    idempotent: false
    RETRY
  total: {call: "functions:AFTER", args: ["${{ params.file }}", "${{ tasks.charge }}"]}
result: ${{ tasks.total }}
"""
CHARGING = """
import os, pathlib, signal, time


def order(number):
    return number * 10


def charge(file, number, price):
    time.sleep(0.02)
    with open(file, "a") as lines:
        lines.write(f"{number}\\n")
    time.sleep(0.02)
    return price


def dies(file, number, price):
    charge(file, number, price)
    if number == 5:
        die_once(file)
    return price


def add(file, prices):
    return sum(prices)


def add_dying(file, prices):
    die_once(file)
    return sum(prices)


def die_once(file):
    marker = pathlib.Path(file + ".died")
    if not marker.exists():
        marker.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
"""
TOTAL = sum(range(12)) * 10


@pytest.fixture(scope="module")
def four(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


def workflow(folder: Path, *, function: str = "charge", after: str = "add", retry: str = "") -> Path:
    text = CHARGES.replace("FUNCTION", function).replace("AFTER", after)
    return write_workflow(folder, text.replace("RETRY", retry or "timeout: 1m"), CHARGING)


def charged(folder: Path) -> list[int]:
    return sorted(map(int, (folder / "lines").read_text().split()))


@pytest.mark.parametrize("planner", PLANNERS)
def test_it_is_not_repeated_when_what_follows_kills_the_process(four: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(workflow(tmp_path, after="add_dying"), planner, workers=4, file=str(tmp_path / "lines"))
    assert four.run(build, SHORT_LEASES).result == TOTAL
    assert charged(tmp_path) == list(range(12))
    assert four.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_death_in_mid_attempt_fails_the_run_and_says_how_to_allow_it(
    four: Bench, tmp_path: Path, planner: str
) -> None:
    build = compile_at(workflow(tmp_path, function="dies"), planner, workers=4, file=str(tmp_path / "lines"))
    with pytest.raises(RunFailed) as failed:
        four.run(build, SHORT_LEASES)
    (record,) = failed.value.records
    assert (record["task"], record["type"], record["attempt"]) == ("charge[5]", "Killed", 1)
    assert "is not idempotent and is not repeated" in str(record["message"])
    assert "on: [Killed]" in str(record["hint"])
    assert charged(tmp_path).count(5) == 1


def test_a_written_retry_repeats_it(four: Bench, tmp_path: Path) -> None:
    path = workflow(tmp_path, function="dies", retry="retry: {max: 1, on: [Killed]}")
    build = compile_at(path, "simple", workers=4, file=str(tmp_path / "lines"))
    assert four.run(build, SHORT_LEASES).result == TOTAL
    assert charged(tmp_path) == sorted([*range(12), 5])


def test_it_runs_in_one_process_too(tmp_path: Path) -> None:
    assert run_sequentially(compile_at(workflow(tmp_path), "wukong", file=str(tmp_path / "lines"))) == TOTAL
    assert charged(tmp_path) == list(range(12))


@pytest.mark.parametrize("planner", PLANNERS)
def test_no_environment_that_is_killed_makes_it_run_twice(four: Bench, tmp_path: Path, planner: str) -> None:
    for seed in range(3):
        folder = tmp_path / str(seed)
        build = compile_at(workflow(folder), planner, workers=4, file=str(folder / "lines"))
        chance = random.Random(seed)
        outcome = run_under(
            four, build, TOTAL, lambda over, chance=chance: kill_one(four, chance, over), settings=SHORT_LEASES
        )  # type: ignore[misc]
        assert outcome.kind == "right" or "task charge[" in outcome.detail, outcome
        lines = charged(folder) if (folder / "lines").exists() else []
        assert len(lines) == len(set(lines)), outcome
