"""What broke runs of earlier systems of this kind, each met on real processes.

A lost subscription; more than 100 roots; a worker made ready at two parents; a fan-in that counts a parent twice; very
long chains; large arguments; a failing task that hangs its client. Further: scripts and connections that are lost in
mid-run, and environments whose clocks are wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.config import KIB, WorkerSettings
from runtime.errors import RunFailed
from tests.faults.disturb_store import MODES, run_disturbed
from tests.faults.kill_environments import hits
from tests.faults.redeliver import run_through
from tests.faults.unruly_proxy import Manners
from tests.faults.workloads import FUNCTIONS, SHORT_LEASES, WORKLOADS, Workload, small_bench
from tests.integration.running import PLANNERS, Bench, compile_at, descendants_of, write_workflow
from tests.shell import END_S, Shell, end, is_alive, shell_at, wait_for


@pytest.fixture(scope="module")
def four(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


# ---- wake-ups ---------------------------------------------------------------------------------------------

MESH = Workload(
    "mesh",
    """
tasks:
  cell:
    call: functions:add
    foreach: {l: "${{ range(12) }}", i: "${{ range(3) }}"}
    args: ["${{ 1 if l == 0 else tasks.cell[l-1][i] }}", "${{ 0 if l == 0 else tasks.cell[l-1][(i + 1) % 3] }}"]
    worker: p${{ i }}
result: ${{ tasks.cell[11] }}
""",
    [2**11] * 3,
)
"""Three workers that all live, and wait for each other at every step."""


@pytest.mark.parametrize("planner", PLANNERS)
def test_workers_whose_subscriptions_are_lost_find_their_grants(four: Bench, tmp_path: Path, planner: str) -> None:
    outcome = run_disturbed(four, MESH.build(tmp_path, planner), MESH, "hints", seed=1)
    assert outcome.kind == "right", outcome
    assert outcome.hit, "no hint was there to be lost"
    assert four.left_keys() == []


@pytest.mark.parametrize("mode", sorted(MODES.keys() - {"hints"}))
def test_run_survives_what_its_connections_suffer(four: Bench, tmp_path: Path, mode: str) -> None:
    workload = WORKLOADS["fan"]
    outcome = run_disturbed(four, workload.build(tmp_path, "wukong"), workload, mode, seed=2)
    assert outcome.kind == "right", outcome
    assert outcome.hit, outcome
    assert four.left_keys() == []


SKEWED = """
import os
import time

TRUE = time.time
time.time = lambda: TRUE() + (os.getpid() % 7 - 3) * 20_000
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_clocks_of_environments_may_be_wrong_by_hours(four: Bench, tmp_path: Path, planner: str) -> None:
    path = write_workflow(tmp_path, MESH.body, SKEWED + FUNCTIONS)
    build = compile_at(path, planner, workers=3)
    assert [four.run(build, SHORT_LEASES).result for _ in range(2)] == [MESH.expected] * 2
    assert four.left_keys() == []


# ---- who starts what, and how often -----------------------------------------------------------------------

MARKED = """
import os
import pathlib
import time
import uuid


def mark(folder, name):
    pathlib.Path(folder, f"{name}-{uuid.uuid4().hex}").write_text("")


def meet(folder, name, other):
    mark(folder, name)
    give_up = time.monotonic() + 30
    while not list(pathlib.Path(folder).glob(f"{other}-*")):
        assert time.monotonic() < give_up, f"{name} waits for {other} in vain"
        time.sleep(0.002)
    return 1


def root(i):
    return i


def join(folder, name, *parents):
    mark(folder, name)
    return sum(parents)


def total(folder, name, parents):
    mark(folder, name)
    return sum(parents)
"""
ROOTS = """
tasks:
  root: {call: "functions:root", foreach: {i: "${{ range(1500) }}"}, args: ["${{ i }}"]}
result: ${{ tasks.root }}
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_every_one_of_1500_roots_runs(four: Bench, tmp_path: Path, planner: str) -> None:
    result = four.run(compile_at(write_workflow(tmp_path, ROOTS, MARKED), planner))
    assert result.result == list(range(1500))
    assert four.left_keys() == []


MEETING = """
params: {folder: {type: str}}
tasks:
  left: {call: "functions:meet", args: ["${{ params.folder }}", left, right], worker: red}
  right: {call: "functions:meet", args: ["${{ params.folder }}", right, left], worker: blue}
  join: {call: "functions:join", args: ["${{ params.folder }}", join, "${{ tasks.left }}", "${{ tasks.right }}"]PIN}
result: ${{ tasks.join }}
"""


@pytest.mark.parametrize("pin", [", worker: green", ""], ids=["pinned", "free"])
@pytest.mark.parametrize("planner", PLANNERS)
def test_worker_made_ready_at_two_parents_starts_once(four: Bench, tmp_path: Path, planner: str, pin: str) -> None:
    """Workers that wait for what comes begin once each; of those that leave at once, the join's is called back once."""
    for linger_s, time in itertools.product((30.0, 0.0), range(3)):
        folder = tmp_path / f"{linger_s}-{time}"
        path = write_workflow(folder, MEETING.replace("PIN", pin), MARKED)
        build = compile_at(path, planner, workers=3, folder=str(folder))
        result = four.run(build, WorkerSettings(linger_s=linger_s))
        assert result.result == 2
        assert len(list(folder.glob("join-*"))) == 1
        again = result.invocations - result.workers
        assert again == 0 or (again == 1 and linger_s == 0 and not pin), result
    assert four.left_keys() == []


FAN_IN = Workload(
    "fan-in",
    """
tasks:
  parent: {call: "functions:load", foreach: {i: "${{ range(40) }}"}, args: ["${{ i }}"], worker: "w${{ i % 5 }}"}
  sum: {call: "functions:total", args: ["${{ tasks.parent }}"], worker: sum}
result: ${{ tasks.sum }}
""",
    40 * 39 // 2,
)


@pytest.mark.parametrize("planner", PLANNERS)
def test_fan_in_counts_each_parent_once_however_often_it_comes(four: Bench, tmp_path: Path, planner: str) -> None:
    build = FAN_IN.build(tmp_path, planner)
    thrice = run_through(four, build, FAN_IN, Manners(copies=3, delay_s=0.2), seed=3)
    frozen = list(hits(four, build, FAN_IN, "frozen", itertools.count(3)))
    assert [outcome.kind for outcome in (thrice, *frozen)] == ["right"] * (1 + len(frozen)), (thrice, frozen)
    assert frozen[-1].hit, "nobody came back from the dead"
    assert four.left_keys() == []


# ---- sizes ------------------------------------------------------------------------------------------------

LONG_CHAIN = """
params: {length: {type: int}}
tasks:
  link:
    call: functions:succ
    foreach: {i: "${{ range(params.length) }}"}
    args: ["${{ 0 if i == 0 else tasks.link[i-1] }}"]
    PIN
result: ${{ tasks.link[params.length - 1] }}
"""
SIZES = """
def succ(number):
    return number + 1


def sizes(*args, **kwargs):
    return [len(value) for value in [*args, *kwargs.values()]]


def count(*args):
    return [len(args), sum(map(len, args))]


def echo(text):
    return text
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    ("length", "pin"), [(10_000, ""), (600, "worker: p${{ i % 2 }}")], ids=["10000_links", "600_hops"]
)
def test_long_chain_completes(four: Bench, tmp_path: Path, length: int, pin: str, planner: str) -> None:
    path = write_workflow(tmp_path, LONG_CHAIN.replace("PIN", pin), SIZES)
    result = four.run(compile_at(path, planner, workers=4, length=length))
    assert result.result == length
    assert four.left_keys() == []


LARGE_ARGUMENTS = """
params: {text: {type: str}}
inputs: {given: {type: str}}
tasks:
  literal: {call: "functions:sizes", args: ["${{ params.text }}"], with: {again: "${{ params.text }}"}}
  input: {call: "functions:sizes", args: ["${{ inputs.given }}", "${{ params.text }}"]}
  echo: {call: "functions:echo", args: ["${{ inputs.given }}"], worker: red}
  value: {call: "functions:sizes", args: ["${{ tasks.echo }}", "${{ params.text }}"], worker: blue}
  each:
    call: functions:sizes
    foreach: {i: "${{ range(12) }}"}
    args: ["${{ params.text }}${{ i }}", "${{ tasks.echo }}"]
result: [["${{ tasks.literal }}", "${{ tasks.input }}", "${{ tasks.value }}"], "${{ tasks.each }}"]
"""


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(("size", "text"), [(130 * KIB, 130 * KIB), (3_000_000, 1_000_000)])
def test_arguments_of_any_size_reach_their_functions(
    four: Bench, tmp_path: Path, size: int, text: int, planner: str
) -> None:
    build = compile_at(write_workflow(tmp_path, LARGE_ARGUMENTS, SIZES), planner, workers=4, text="x" * text)
    result = four.run(build, inputs={"given": "y" * size})
    each = [[text + len(str(i)), size] for i in range(12)]
    assert result.result == [[[text, text], [size, text], [size, text]], each]
    assert four.left_keys() == []


# ---- a client that must not hang --------------------------------------------------------------------------

FAILING = """
params: {folder: {type: str}}
tasks:
  sleeper:
    call: functions:sleep
    foreach: {i: "${{ range(3) }}"}
    args: ["${{ params.folder }}", "${{ i }}"]
    worker: s${{ i }}
  fails: {call: "functions:fail", args: ["${{ params.folder }}"], worker: f}
  last: {call: "functions:total", args: ["${{ tasks.sleeper }}", "${{ tasks.fails }}"]}
result: ${{ tasks.last }}
"""
SLEEPERS = """
import os
import pathlib
import time


def sleep(folder, i):
    pathlib.Path(folder, f"sleeper{i}").write_text(str(os.getpid()))
    time.sleep(600)


def fail(folder):
    give_up = time.monotonic() + 60
    while len(list(pathlib.Path(folder).glob("sleeper*"))) < 3:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    raise ValueError("this one fails")


def total(*terms):
    return 0
"""


@pytest.mark.parametrize("planner", PLANNERS)
def test_environments_of_a_run_that_failed_are_soon_free_for_others(four: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, FAILING, SLEEPERS), planner, workers=4, folder=str(tmp_path))
    with pytest.raises(RunFailed, match="fails"):
        four.run(build, SHORT_LEASES)
    sleepers = [int(path.read_text()) for path in tmp_path.glob("sleeper*")]
    assert len(sleepers) == 3
    wait_for(lambda: not any(one["state"] == "busy" for one in four.environments()), "the sleeping tasks to be ended")
    workload = WORKLOADS["fan"]
    assert four.run(workload.build(tmp_path / "next", planner), SHORT_LEASES).result == workload.expected


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_at(tmp_path / "home")


@pytest.mark.parametrize("planner", PLANNERS)
def test_failing_task_ends_its_client_and_all_that_still_runs(shell: Shell, tmp_path: Path, planner: str) -> None:
    path = write_workflow(tmp_path, FAILING, SLEEPERS)
    client = shell.start("run", path, "--planner", planner, "--set", f"folder={tmp_path}", "--json")
    try:
        wait_for(lambda: len(list(tmp_path.glob("sleeper*"))) == 3, "the sleeping tasks")
        family = descendants_of(client.pid)
        out, err = client.communicate(timeout=END_S)
    finally:
        end(client)
    assert client.returncode == 1, err
    assert "this one fails" in out
    wait_for(lambda: not any(is_alive(pid) for pid in family), "the run's processes to end")
