"""`fanout.concurrency` on real environments: instances that overlap are counted by files that they make and remove."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from tests.integration.running import PLANNERS, Bench, compile_at, run_sequentially, write_workflow

NARROW = """
params: {folder: {type: str}, width: {type: int}}
tasks:
  split: {call: "functions:numbers", args: ["${{ params.width }}"]}
  fetch:
    call: functions:fetch
    foreach: {i: "${{ range(params.width) }}"}
    args: ["${{ params.folder }}", "${{ i }}"INPUT]
    fanout: {max: 1000, concurrency: 3}
  next:
    call: functions:double
    foreach: {i: "${{ range(params.width) }}"}
    args: ["${{ tasks.fetch[i] }}"]
  total: {call: "builtins:sum", args: ["${{ tasks.next }}"]}
result: ${{ tasks.total }}
"""
COUNTING = """
import os, time


def numbers(width):
    return list(range(width))


def fetch(folder, number, numbers=None):
    place = os.path.join(folder, str(number))
    open(place, "x").close()
    inside = len(os.listdir(folder))
    with open(folder + ".seen", "a") as seen:
        seen.write(f"{inside}\\n")
    time.sleep(0.01)
    os.remove(place)
    return number


def double(number):
    return 2 * number
"""
WIDTH = 200


@pytest.mark.parametrize("source", ["", ', "${{ tasks.split }}"'])
@pytest.mark.parametrize("planner", PLANNERS)
def test_no_more_instances_overlap_than_a_family_allows(
    bench: Bench, tmp_path: Path, planner: str, source: str
) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = write_workflow(tmp_path, NARROW.replace("INPUT", source), COUNTING)
    build = compile_at(path, planner, workers=6, folder=str(folder), width=WIDTH)
    assert bench.run(build, WorkerSettings(fan_out=6)).result == WIDTH * (WIDTH - 1)
    seen = [int(line) for line in Path(f"{folder}.seen").read_text().split()]
    assert len(seen) == WIDTH
    assert max(seen) == 3
    assert os.listdir(folder) == []
    assert bench.left_keys() == []


def test_one_process_takes_them_one_after_another(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = write_workflow(tmp_path, NARROW.replace("INPUT", ""), COUNTING)
    build = compile_at(path, "simple", workers=6, folder=str(folder), width=20)
    assert run_sequentially(build) == 20 * 19
