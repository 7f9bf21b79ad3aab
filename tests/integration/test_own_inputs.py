"""What a task does to its inputs no other task sees, on whichever worker both run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import PLANNERS, Bench, compile_at, run_sequentially, write_workflow

FUNCTIONS = """
import threading
from dataclasses import dataclass, field

import numpy

tries = []


@dataclass
class Box:
    inside: dict = field(default_factory=dict)


def make(kind):
    array = numpy.zeros(400_000)
    return {"list": [1, 2], "array": array, "bytearray": bytearray(2_000_000), "box": Box({"deep": [array]})}[kind]


def spoil(value, number=0):
    found = seen(value)
    if isinstance(value, list):
        value.append("spoiled")
    elif isinstance(value, dict):
        value["spoiled"] = True
    else:
        array = value.inside["deep"][0] if isinstance(value, Box) else value
        array[0] = 7
    return found


def seen(value):
    if isinstance(value, (list, dict)):
        return len(value)
    array = value.inside["deep"][0] if isinstance(value, Box) else value
    return int(array[0])


def spoil_and_fail(value):
    found = spoil(value)
    if value is not None and not tries:
        tries.append(1)
        raise OSError("the first time")
    return found


def lock():
    return [threading.Lock()]


def held(value):
    return value[0].locked()
"""
KINDS = ("list", "array", "bytearray", "box")
SHARED = """
tasks:
  made: {call: "functions:make", args: ["KIND"], worker: red}
  near: {call: "functions:spoil", foreach: {i: [1, 2, 3]}, args: ["${{ tasks.made }}", "${{ i }}"], worker: red}
  far: {call: "functions:spoil", foreach: {i: [1, 2, 3]}, args: ["${{ tasks.made }}", "${{ i }}"], worker: blue}
  later: {call: "functions:spoil", args: ["${{ tasks.made }}"], after: [near, far], worker: red}
  last: {call: "functions:spoil", args: ["${{ tasks.made }}"], after: [later], worker: blue}
result: ["${{ tasks.near }}", "${{ tasks.far }}", "${{ tasks.later }}", "${{ tasks.last }}"]
"""


@pytest.mark.parametrize("kind", KINDS)
def test_each_task_has_inputs_of_its_own(bench: Bench, tmp_path: Path, kind: str) -> None:
    build = compile_at(write_workflow(tmp_path, SHARED.replace("KIND", kind), FUNCTIONS), "simple")
    expected = 2 if kind == "list" else 0
    wanted = [[expected] * 3, [expected] * 3, expected, expected]
    assert run_sequentially(build) == wanted
    assert bench.run(build).result == wanted


FREE = """
inputs: {given: {type: "list[int]", default: [1, 2, 3]}}
tasks:
  made: {call: "functions:make", args: ["list"]}
  spoiled: {call: "functions:spoil", foreach: {i: "${{ range(20) }}"}, args: ["${{ tasks.made }}", "${{ i }}"]}
  input: {call: "functions:spoil", foreach: {i: "${{ range(20) }}"}, args: ["${{ inputs.given }}", "${{ i }}"]}
  again: {call: "functions:spoil_and_fail", args: ["${{ tasks.made }}"], retry: {max: 1}, after: [spoiled]}
  lock: {call: "functions:lock"}
  near: {call: "functions:held", foreach: {i: [1, 2]}, with: {value: "${{ tasks.lock }}"}}
result: ["${{ tasks.spoiled }}", "${{ tasks.input }}", "${{ tasks.again }}"]
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_values_inputs_and_attempts(bench: Bench, tmp_path: Path, planner: str) -> None:
    body = "\n".join(line for line in FREE.splitlines() if "lock" not in line)
    build = compile_at(write_workflow(tmp_path, body, FUNCTIONS), planner)
    wanted = [[2] * 20, [3] * 20, 2]
    assert run_sequentially(build) == wanted
    assert bench.run(build).result == wanted


def test_what_cannot_be_copied_is_shared_by_tasks_of_one_worker(tmp_path: Path) -> None:
    body = FREE.partition("  spoiled")[0] + "  lock" + FREE.partition("  lock")[2].partition("result")[0]
    build = compile_at(write_workflow(tmp_path, body + "result: ${{ tasks.near }}", FUNCTIONS), "simple")
    assert run_sequentially(build) == [False, False]
