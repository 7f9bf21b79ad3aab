"""Retries on real environments over a real Redis: what is repeated, what is shown, and workers that sleep meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.inline import run_inline
from runtime.report import fault_text
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

FUNCTIONS = '''
import pathlib
import sys
import time


class Busy(ConnectionError):
    pass


class Refused(ValueError):
    pass


def one():
    return 1


def flaky(folder, times, number, pause=0.0):
    """Fails as often as it is told, and notes each attempt."""
    attempts = pathlib.Path(folder) / "attempts"
    with attempts.open("a") as file:
        file.write(f"{time.time()}\\n")
    time.sleep(pause)
    if len(attempts.read_text().splitlines()) <= times:
        raise Busy(f"busy with {number}")
    return number + 10


def refuse(folder, times, number):
    print("about to refuse", file=sys.stderr)
    (pathlib.Path(folder) / "attempts").open("a").write("x\\n")
    raise Refused("no")


def note(folder, number):
    """Says when it ran."""
    (pathlib.Path(folder) / "noted").write_text(f"{time.time()}")
    return number


def total(*numbers):
    return sum(numbers)
'''
MANIFEST = """
params: {folder: {type: str}, times: {type: int}}
tasks:
  source: {call: "functions:one"}
  flaky:
    call: "functions:FUNCTION"
    args: ["${{ params.folder }}", "${{ params.times }}", "${{ tasks.source }}"]
    retry: RETRY
  other: {call: "functions:note", args: ["${{ params.folder }}", "${{ tasks.source }}"]}
  sum: {call: "functions:total", args: ["${{ tasks.flaky }}", "${{ tasks.other }}"]}
result: ${{ tasks.sum }}
"""
SETTINGS = WorkerSettings(fan_out=10, lease_s=2.0, renew_s=0.5)


def write(folder: Path, retry: str, function: str = "flaky") -> Path:
    return write_workflow(folder, MANIFEST.replace("RETRY", retry).replace("FUNCTION", function), FUNCTIONS)


def attempts_in(folder: Path) -> list[str]:
    return (folder / "attempts").read_text().splitlines()


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    "retry", ["2", "{max: 2, on: [functions.Busy], delay: 10ms, backoff: 2, jitter: full}", "{max: 9, on: [OSError]}"]
)
def test_a_failing_task_is_repeated_until_it_succeeds(bench: Bench, tmp_path: Path, planner: str, retry: str) -> None:
    build = compile_at(write(tmp_path, retry), planner, folder=str(tmp_path), times=2)
    assert bench.run(build, SETTINGS).result == 12
    assert len(attempts_in(tmp_path)) == 3
    assert bench.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_failure_that_is_not_named_is_not_repeated(bench: Bench, tmp_path: Path, planner: str) -> None:
    path = write(tmp_path, "{max: 3, on: [Busy, Timeout]}", "refuse")
    with pytest.raises(RunFailed) as failed:
        bench.run(compile_at(path, planner, folder=str(tmp_path), times=9), SETTINGS)
    (record,) = failed.value.records
    assert (record["type"], record["attempt"], record["attempts"], record["earlier"]) == ("Refused", 1, 0, [])
    assert record["stderr"] == "about to refuse\n"
    assert len(attempts_in(tmp_path)) == 1
    assert bench.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_failure_shows_the_attempts_before_it(bench: Bench, tmp_path: Path, planner: str) -> None:
    path = write(tmp_path, "{max: 3, delay: 5ms}")
    with pytest.raises(RunFailed) as failed:
        bench.run(compile_at(path, planner, folder=str(tmp_path), times=9), SETTINGS)
    text = fault_text(failed.value)
    assert "task flaky failed in attempt 4 of 4 on worker" in text and "manifest line 7" in text
    assert "attempts 1 to 3 before: Busy: busy with 1" in text
    assert 'File "functions.py"' in text and "execute.py" not in text
    assert len(attempts_in(tmp_path)) == 4
    assert bench.left_keys() == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_worker_with_a_long_wait_leaves_and_is_called_again(bench: Bench, tmp_path: Path, planner: str) -> None:
    path = write(tmp_path, "{max: 1, delay: 1500ms}")
    result = bench.run(compile_at(path, planner, workers=1, folder=str(tmp_path), times=1), SETTINGS)
    assert result.result == 12
    first, second = map(float, attempts_in(tmp_path))
    assert second - first >= 1.5
    assert float((tmp_path / "noted").read_text()) < second
    assert result.invocations > result.workers
    assert bench.left_keys() == []


def test_without_a_service_every_wait_is_sat_out(tmp_path: Path) -> None:
    build = compile_at(write(tmp_path, "{max: 1, delay: 1200ms}"), "simple", folder=str(tmp_path), times=1)
    assert run_inline(build.loaded, WorkerSettings()).result == 12


TIMED = """
params: {folder: {type: str}}
tasks:
  slow: {call: "functions:flaky", args: ["${{ params.folder }}", 9, 1], with: {pause: 30}, timeout: 100ms, retry: RETRY}
result: ${{ tasks.slow }}
"""


@pytest.mark.parametrize(("retry", "attempts"), [("{max: 2, on: [Timeout]}", 3), ("{max: 2, on: [OSError]}", 1)])
def test_each_attempt_has_the_whole_time(bench: Bench, tmp_path: Path, retry: str, attempts: int) -> None:
    path = write_workflow(tmp_path, TIMED.replace("RETRY", retry), FUNCTIONS)
    with pytest.raises(RunFailed) as failed:
        bench.run(compile_at(path, "wukong", folder=str(tmp_path)), SETTINGS)
    (record,) = failed.value.records
    assert (record["type"], record["attempt"]) == ("Timeout", attempts)
    assert len(attempts_in(tmp_path)) == attempts


COMMAND = """
tasks:
  command: {exec: [sh, -c, SCRIPT], retry: RETRY}
result: ${{ tasks.command }}
"""


@pytest.mark.parametrize(
    ("script", "retry", "attempts"),
    [
        ("echo no >&2; exit 3", "{max: 2, on: [ExitCode]}", 3),
        ("exit 3", "{max: 2, on: [Killed, Timeout]}", 1),
        ("kill -9 $$", "{max: 2, on: [Killed]}", 3),
        ("kill -9 $$", "2", 3),
        ("sleep 30", "{max: 1, on: [Timeout]}", 2),
    ],
)
def test_a_command_fails_by_name(bench: Bench, tmp_path: Path, script: str, retry: str, attempts: int) -> None:
    body = COMMAND.replace("SCRIPT", f'"{script}"').replace("RETRY", retry + ", timeout: 500ms")
    path = write_workflow(tmp_path, body, FUNCTIONS)
    with pytest.raises(RunFailed) as failed:
        bench.run(compile_at(path, "wukong"), SETTINGS)
    (record,) = failed.value.records
    assert record["attempt"] == attempts
    assert len(record["earlier"]) == attempts - 1  # type: ignore[arg-type]
