"""Environments, Redis and the service killed in mid-run, tasks that kill their process, values that were tampered with.

Every run here has short leases and an end: the right result, or an error that says what happened.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from runtime.config import KIB, LocalSettings, WorkerSettings
from runtime.errors import LambdaUnavailable, RunFailed, RuntimeFault, StoreUnavailable
from runtime.local.redis_server import start_redis
from runtime.local.stack import ensure_stack
from tests.faults.kill_environments import MOMENTS, hits
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, small_bench
from tests.integration.gate import WAIT, meanwhile
from tests.integration.running import (
    DEPLOYMENT,
    PLANNERS,
    Bench,
    compile_at,
    descendants_of,
    run_sequentially,
    wait_for,
    write_workflow,
)


@pytest.fixture(scope="module")
def four(own_home: None) -> Iterator[Bench]:
    with small_bench() as bench:
        yield bench


KILLS = [
    ("tree", "simple", "busy"),
    ("random", "wukong", "several"),
    ("fan", "wukong", "starting"),
    ("tree", "wukong", "commit"),
    ("chain", "simple", "zygote"),
]


@pytest.mark.parametrize(("shape", "planner", "moment"), KILLS)
def test_run_survives_killed_environments(four: Bench, tmp_path: Path, shape: str, planner: str, moment: str) -> None:
    workload = WORKLOADS[shape]
    outcomes = list(hits(four, workload.build(tmp_path, planner), workload, moment, itertools.count()))
    assert [outcome.kind for outcome in outcomes] == ["right"] * len(outcomes), outcomes
    assert outcomes[-1].hit, outcomes
    assert four.left_keys() == []


@pytest.mark.slow
def test_every_shape_survives_environments_killed_at_every_moment(four: Bench, tmp_path: Path) -> None:
    """Every moment with half of the shapes, in turn; the command of `tests.faults.kill_environments` has them all."""
    seeds, planners = itertools.count(100), itertools.cycle(PLANNERS)
    pairs = itertools.product(enumerate(MOMENTS), enumerate(WORKLOADS.values()))
    outcomes = [
        outcome
        for (turn, moment), (number, workload) in pairs
        if (turn + number) % 2 == 0
        for planner in [next(planners)]
        for outcome in hits(four, workload.build(tmp_path / moment, planner), workload, moment, seeds)
    ]
    hit = [outcome for outcome in outcomes if outcome.hit]
    assert len(hit) >= 9, outcomes
    assert sum(outcome.kind != "right" for outcome in hit) <= 1, outcomes
    assert {outcome.kind for outcome in outcomes} <= {"right", "bounded"}, outcomes
    assert four.left_keys() == []


DEADLY = """
params: {marker: {type: str}}
tasks:
  source: {call: "functions:one"}
  deadly: {call: "functions:FUNCTION", args: ["${{ params.marker }}", "${{ tasks.source }}"]}
  sum: {call: "functions:succ", args: ["${{ tasks.deadly }}"]}
result: ${{ tasks.sum }}
"""
KILLERS = """
import os
import pathlib
import signal


def one():
    return 1


def succ(number):
    return number + 1


def always(marker, number):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(marker, number):
    os._exit(3)


def once(marker, number):
    if not pathlib.Path(marker).exists():
        pathlib.Path(marker).write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return number + 10
"""


@pytest.mark.parametrize(("planner", "function"), [("simple", "always"), ("wukong", "leave")])
def test_task_that_kills_its_process_is_named(four: Bench, tmp_path: Path, planner: str, function: str) -> None:
    path = write_workflow(tmp_path, DEADLY.replace("FUNCTION", function), KILLERS)
    with pytest.raises(RunFailed) as failed:
        four.run(compile_at(path, planner, marker=str(tmp_path / "marker")), SHORT_LEASES)
    (record,) = failed.value.records
    assert (record["task"], record["type"], record["attempt"], record["line"]) == ("deadly", "Killed", 3, 7)
    assert failed.value.exit_code == 1
    assert four.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_task_that_kills_its_process_once_is_repeated(four: Bench, tmp_path: Path, planner: str) -> None:
    path = write_workflow(tmp_path, DEADLY.replace("FUNCTION", "once"), KILLERS)
    result = four.run(compile_at(path, planner, marker=str(tmp_path / "marker")), SHORT_LEASES)
    assert result.result == 12
    assert four.left_keys() == []


GATED = """
params: {folder: {type: str}, size: {type: int}}
tasks:
  early: {call: "functions:make", args: ["${{ params.size }}"], PIN_EARLY}
  other: {call: "functions:make", args: ["${{ params.size }}"], PIN_EARLY}
  gate: {call: "functions:wait", args: ["${{ params.folder }}"], PIN_GATE}
  late: {call: "functions:measure", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], PIN_LATE}
  count: {call: "functions:measure", args: ["${{ tasks.other }}", "${{ tasks.gate }}"], PIN_LATE}
result: RESULT
"""
GATE = (
    WAIT
    + """

def make(size):
    return bytes(size)


def measure(value, gate):
    return len(value)
"""
)
PINS = {"PIN_EARLY": "worker: red", "PIN_GATE": "worker: blue", "PIN_LATE": "worker: green"}
LATE = '["${{ tasks.late }}", "${{ tasks.count }}"]'


def gated(folder: Path, *, size: int = 40, result: str = LATE) -> Path:
    """`early` is stored before `gate` opens; `late`, on a worker of its own, reads it after that."""
    body = GATED.replace("RESULT", result)
    for name, pin in PINS.items():
        body = body.replace(name, pin)
    return write_workflow(folder, body, GATE)


@contextmanager
def while_the_gate_is_closed(folder: Path, bench: Bench, act: Callable[[str], object]) -> Iterator[None]:
    """Do `act(prefix of the run's keys)` once the early values are stored and the gate's task runs; then open it."""

    def act_on_them() -> None:
        wait_for(lambda: stored(bench), "the early values")
        act(stored(bench).removesuffix("out"))

    with meanwhile(folder, act_on_them):
        yield


def stored(bench: Bench) -> str:
    """The key of the run's outputs once both early values are there, else ""."""
    for key in bench.left_keys():
        if key.endswith(":out") and bench.client.hexists(key, "early") and bench.client.hexists(key, "other"):
            return key
    return ""


def flip_a_bit(bench: Bench, out: str) -> None:
    value = bytearray(bench.client.hget(out, "early") or b"")
    value[-10] ^= 1
    bench.client.hset(out, "early", bytes(value))


def take_another_tasks(bench: Bench, out: str) -> None:
    bench.client.hset(out, "early", bench.client.hget(out, "other") or b"")


def put_a_bare_pickle(bench: Bench, out: str) -> None:
    bench.client.hset(out, "early", b"v" + pickle.dumps(b"x"))


POISONS = (flip_a_bit, take_another_tasks, put_a_bare_pickle)


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.__name__)
@pytest.mark.parametrize("reader", ["worker", "launcher"])
def test_value_that_was_tampered_with_ends_the_run(
    four: Bench, tmp_path: Path, reader: str, poison: Callable[[Bench, str], None]
) -> None:
    result = LATE if reader == "worker" else '["${{ tasks.early }}", "${{ tasks.other }}", "${{ tasks.gate }}"]'
    build = compile_at(gated(tmp_path, result=result), "simple", folder=str(tmp_path), size=40)
    with (
        pytest.raises(RuntimeFault) as fault,
        while_the_gate_is_closed(tmp_path, four, lambda prefix: poison(four, prefix + "out")),
    ):
        four.run(build, SHORT_LEASES)
    assert "E606" in f"{fault.value.code} {fault.value.message}"
    assert "early" in fault.value.message
    assert four.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_large_value_that_was_lost_is_computed_again(four: Bench, tmp_path: Path, planner: str) -> None:
    size = 100 * KIB
    build = compile_at(gated(tmp_path), planner, folder=str(tmp_path), size=size)
    lost: list[str] = []

    def lose(prefix: str) -> None:
        lost.extend(key for key in four.left_keys() if "/early}" in key)
        four.client.delete(*lost)

    with while_the_gate_is_closed(tmp_path, four, lose):
        result = four.run(build, SHORT_LEASES)
    assert lost
    assert result.result == [size, size]
    assert four.left_keys() == []


@contextmanager
def own_stack(redis_url: str | None = None) -> Iterator[Bench]:
    settings = LocalSettings(deployment=DEPLOYMENT, concurrency_limit=4, redis_url=redis_url)
    with ensure_stack(settings) as stack, redis.Redis.from_url(stack.redis_url) as client:
        yield Bench(stack, client)


def redis_below(pid: int) -> int:
    (found,) = [one for one in descendants_of(pid) if b"redis-server" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return found


def test_redis_killed_in_mid_run_is_one_clear_error(own_home: None, tmp_path: Path) -> None:
    with own_stack() as bench:
        build = compile_at(gated(tmp_path), "wukong", folder=str(tmp_path), size=40)
        server = redis_below(bench.stack.pid)
        with (
            pytest.raises(StoreUnavailable) as fault,
            while_the_gate_is_closed(tmp_path, bench, lambda _: os.kill(server, signal.SIGKILL)),
        ):
            bench.run(build, SHORT_LEASES)
    assert "cannot be reached" in fault.value.message
    assert fault.value.exit_code == 4


@pytest.mark.parametrize("planner", PLANNERS)
def test_redis_that_forgets_everything_in_mid_run_is_told_again(four: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(gated(tmp_path), planner, folder=str(tmp_path), size=40)
    with while_the_gate_is_closed(tmp_path, four, lambda _: four.client.flushall()):
        result = four.run(build, SHORT_LEASES)
    assert result.result == run_sequentially(build)
    assert four.left_keys() == []


def test_service_killed_in_mid_run_takes_its_redis_along(own_home: None, tmp_path: Path) -> None:
    with own_stack() as bench:
        family = [bench.stack.pid, *descendants_of(bench.stack.pid)]
        build = compile_at(gated(tmp_path), "simple", folder=str(tmp_path), size=40)
        with (
            pytest.raises(StoreUnavailable),
            while_the_gate_is_closed(tmp_path, bench, lambda _: os.kill(bench.stack.pid, signal.SIGKILL)),
        ):
            bench.run(build, SHORT_LEASES)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family[1:]), "the service's processes to end")


def test_service_killed_in_mid_run_beside_a_redis_that_lives(own_home: None, tmp_path: Path) -> None:
    server = start_redis(tmp_path / "redis")
    try:
        with own_stack(server.url) as bench:
            build = compile_at(gated(tmp_path), "simple", folder=str(tmp_path), size=40)
            with (
                pytest.raises(LambdaUnavailable) as fault,
                while_the_gate_is_closed(tmp_path, bench, lambda _: os.kill(bench.stack.pid, signal.SIGKILL)),
            ):
                bench.run(build, SHORT_LEASES)
            assert "cannot be reached" in fault.value.message
            assert bench.left_keys() == []
    finally:
        server.stop()


def test_worker_that_stays_away_ends_the_run_at_its_deadline(four: Bench, tmp_path: Path) -> None:
    build = compile_at(gated(tmp_path), "simple", folder=str(tmp_path), size=40)
    settings = WorkerSettings(lease_s=1.0, renew_s=0.25, deadline_s=1.0)
    with pytest.raises(RunFailed) as failed:
        four.run(build, settings)
    (tmp_path / "open").write_text("")
    assert "deadline" in failed.value.message
    assert four.left_keys() == []
