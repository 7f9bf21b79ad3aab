"""Wide graphs on few environments, lists of start tasks, and values at the sizes where another way is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.config import KIB, WorkerSettings
from tests.integration.running import CONCURRENCY, PLANNERS, Bench, compile_at, run_sequentially, write_workflow

WIDE = """
tasks:
  source: {call: "functions:one"}
  leaf: {call: "functions:add", foreach: {i: "${{ range(1000) }}"}, args: ["${{ tasks.source }}", "${{ i }}"]}
  sum: {call: "functions:total", args: ["${{ tasks.leaf }}"]}
result: ${{ tasks.sum }}
"""
ROOTS = """
tasks:
  root: {call: "functions:add", foreach: {i: "${{ range(300) }}"}, args: ["${{ i }}", 1]}
  next: {call: "functions:add", foreach: {i: "${{ range(300) }}"}, args: ["${{ tasks.root[i] }}", 1]}
result: ${{ tasks.next }}
"""
SUMS = """
def one():
    return 1


def add(left, right):
    return left + right


def total(terms):
    return sum(terms)
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    ("body", "expected"),
    [(WIDE, 1000 * 1001 // 2), (ROOTS, [i + 2 for i in range(300)])],
    ids=["fan_out_of_1000", "300_roots"],
)
def test_wide_graph_completes_on_ten_environments(
    bench: Bench, tmp_path: Path, body: str, expected: object, planner: str
) -> None:
    result = bench.run(compile_at(write_workflow(tmp_path, body, SUMS), planner))
    assert result.result == expected
    assert bench.stack.status()["concurrency_limit"] == CONCURRENCY
    assert int(str(bench.stack.status()["peak_environments"])) <= CONCURRENCY
    assert bench.left_keys() == []


SPREAD = """
tasks:
  source: {call: "functions:one"}
  leaf:
    call: functions:add
    foreach: {i: "${{ range(60) }}"}
    args: ["${{ tasks.source }}", "${{ i }}"]
    worker: p${{ i }}
  sum: {call: "functions:total", args: ["${{ tasks.leaf }}"]}
result: ${{ tasks.sum }}
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_more_pinned_workers_than_environments_take_turns(bench: Bench, tmp_path: Path, planner: str) -> None:
    result = bench.run(compile_at(write_workflow(tmp_path, SPREAD, SUMS), planner))
    assert result.result == sum(range(1, 61))
    assert result.workers >= 60
    assert bench.left_keys() == []


THREE_STARTS = """
params: {folder: {type: str}}
tasks:
  far: {call: "functions:meet", args: ["${{ params.folder }}", far, [a, b]], worker: blue}
  a: {call: "functions:meet", args: ["${{ params.folder }}", a, []], worker: red}
  b: {call: "functions:meet", args: ["${{ params.folder }}", b, [far]], worker: red}
  c: {call: "functions:take", args: ["${{ tasks.far }}"], worker: red}
  a2: {call: "functions:take", args: ["${{ tasks.a }}"], worker: red}
result:
  far: ${{ tasks.far }}
  red: ["${{ tasks.a }}", "${{ tasks.b }}", "${{ tasks.c }}", "${{ tasks.a2 }}"]
"""
MARKS = """
import os
import pathlib
import time


def meet(folder, name, others):
    pathlib.Path(folder, name).write_text("")
    give_up = time.monotonic() + 30
    while not all(pathlib.Path(folder, other).exists() for other in others):
        assert time.monotonic() < give_up, f"{name} waits for {others} in vain"
        time.sleep(0.005)
    return os.getpid()


def take(value):
    return os.getpid()
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_three_start_tasks_are_one_invocation_though_one_waits_for_a_remote_input(
    bench: Bench, tmp_path: Path, planner: str
) -> None:
    # `far` ends after `a` and `b` ran, `b` after `far` began: the one input is missing while the rest goes on.
    build = compile_at(write_workflow(tmp_path, THREE_STARTS, MARKS), planner, folder=str(tmp_path))
    result = bench.run(build, WorkerSettings(linger_s=60.0))
    pids = result.result
    assert isinstance(pids, dict)
    assert len(set(pids["red"])) == 1
    assert pids["far"] not in pids["red"]
    assert (result.workers, result.invocations) == (2, 2)
    assert bench.left_keys() == []


LARGE = """
params: {size: {type: int}}
tasks:
  make: {call: "functions:make", args: ["${{ params.size }}"], worker: red}
  shift: {call: "functions:shift", args: ["${{ tasks.make }}"], worker: blue}
  each: {call: "functions:shift", foreach: {i: "${{ range(4) }}"}, args: ["${{ tasks.shift }}"]}
  sizes: {call: "functions:measure", args: ["${{ tasks.each }}"]}
result: {sizes: "${{ tasks.sizes }}", value: "${{ tasks.each[2] }}"}
"""
BYTES = """
def make(size):
    return bytes(size)


def shift(value):
    return bytes([value[0] + 1]) * len(value) if value else value


def measure(values):
    return [[len(value), sum(value[:1])] for value in values]
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("size", [0, 64 * KIB - 300, 64 * KIB, 64 * KIB + 1, 1_000_000, 8_000_000])
def test_value_of_any_size_travels_through_edges(bench: Bench, tmp_path: Path, size: int, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, LARGE, BYTES), planner, size=size)
    result = bench.run(build)
    first = 2 if size else 0
    assert result.result == {"sizes": [[size, first]] * 4, "value": b"\x02" * size}
    assert bench.left_keys() == []


LITERALS = """
params: {text: {type: str}}
tasks:
  a:
    call: functions:measure
    args: ["${{ params.text }}", {deep: ["${{ params.text }}", "${{ tasks.one }}"]}]
  one: {call: "functions:one"}
result: {measured: "${{ tasks.a }}", text: "${{ params.text }}"}
"""
MEASURE = """
def one():
    return 1


def measure(text, tree):
    return [len(text), text == tree["deep"][0], tree["deep"][1]]
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("size", [32 * KIB - 2, 32 * KIB + 1, 1_000_000])
def test_literal_of_any_size_reaches_its_function(bench: Bench, tmp_path: Path, size: int, planner: str) -> None:
    text = "é" + "x" * (size - 1)
    build = compile_at(write_workflow(tmp_path, LITERALS, MEASURE), planner, text=text)
    result = bench.run(build)
    assert result.result == {"measured": [size, True, 1], "text": text}
    assert result.result == run_sequentially(build)
    assert bench.left_keys() == []
