"""Runs as things: detached, attached, resumed, listed, cancelled and cleaned, each from a process of its own.

What a task has done is counted by its effects: each execution appends a line to a file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from runtime.config import LocalSettings
from runtime.local.hold import held
from runtime.local.stack import start_kept, stop_kept
from tests.integration.running import descendants_of
from tests.shell import END_S, Shell, end, is_alive, shell_at, wait_for

FUNCTIONS = """\
import pathlib, time

HERE = pathlib.Path("FOLDER")

def note(text):
    with open(HERE / "effects", "a") as file:
        file.write(text + "\\n")

def wait_for(name):
    give_up = time.monotonic() + 100
    while not (HERE / name).exists():
        assert time.monotonic() < give_up, f"{name} never came"
        time.sleep(0.01)

def load(number):
    note(f"load {number}")
    return number

def gate(number):
    note("gate")
    wait_for("open")
    return number

def total(numbers, offset):
    note("total")
    if (HERE / "broken").exists():
        raise ValueError("the total is broken")
    return sum(numbers) + offset
"""
MANIFEST = """\
spec: 1
name: tally
inputs: {offset: {type: int, default: 100}}
tasks:
  load: {call: "functions:load", foreach: {i: "${{ range(3) }}"}, args: ["${{ i }}"]}
  gate: {call: "functions:GATE", args: ["${{ tasks.load[2] }}"]}
  total: {call: "functions:total", args: ["${{ [tasks.load[0], tasks.load[1], tasks.gate] }}", "${{ inputs.offset }}"]}
result: {total: "${{ tasks.total }}", offset: "${{ inputs.offset }}"}
"""
RESULT = {"total": 103, "offset": 100}
QUICK = ("--config", "lease=1s", "--config", "renew=250ms", "--config", "call_limit=1s")


class Place:
    """A folder with a workflow whose tasks leave marks, and a shell with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shell: Shell = shell_at(folder / "home")
        self.write()

    def write(self, *, gate: str = "load", functions: str = FUNCTIONS) -> Path:
        (self.folder / "functions.py").write_text(functions.replace("FOLDER", str(self.folder)))
        path = self.folder / "workflow.yaml"
        path.write_text(MANIFEST.replace("GATE", gate))
        return path

    @property
    def manifest(self) -> Path:
        return self.folder / "workflow.yaml"

    def mark(self, name: str) -> None:
        (self.folder / name).write_text("")

    def unmark(self, name: str) -> None:
        (self.folder / name).unlink()

    def effects(self) -> Counter[str]:
        path = self.folder / "effects"
        return Counter(path.read_text().splitlines()) if path.exists() else Counter()

    def runs(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.shell.json("runs")
        return found

    def state(self) -> object:
        return self.runs()[0]["state"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    if not (tmp_path / "open").exists():
        found.mark("open")
    found.shell.call("local", "stop")


def no_keys_but_records(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return not list(client.scan_iter("treadle:local:{*"))


def test_resumed_run_repeats_no_task_that_was_committed(place: Place) -> None:
    place.mark("broken")
    code, out, failed = place.shell.call("run", place.manifest, "--planner", "wukong")
    assert (code, out) == (1, "")
    assert place.state() == "failed"
    code, shown, _ = place.shell.call("errors", "last")
    assert code == 0
    assert shown.strip() == failed.strip()
    before = place.effects()
    place.unmark("broken")
    code, out, err = place.shell.call("run", "--resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == RESULT
    assert ": 4 of 5 tasks are done" in err and "repeated" not in err
    assert place.effects() - before == Counter(total=1)
    assert place.state() == "succeeded"


@pytest.mark.slow
def test_failed_task_has_its_attempts_again(place: Place) -> None:
    place.mark("broken")
    text = place.manifest.read_text().replace('inputs.offset }}"]}\n', 'inputs.offset }}"], retry: {max: 1}}\n', 1)
    place.manifest.write_text(text)
    code, _, err = place.shell.call("run", place.manifest)
    assert code == 1 and "failed in attempt 2" in err
    code, _, err = place.shell.call("run", "--resume", "last")
    assert code == 1 and "failed in attempt 2" in err
    assert place.effects()["total"] == 4


def test_changed_code_and_inputs_repeat_what_they_touch(place: Place) -> None:
    place.mark("broken")
    run = ("run", place.manifest, "--planner", "wukong")
    assert place.shell.call(*run)[0] == 1
    place.unmark("broken")
    place.write(functions=FUNCTIONS.replace("sum(numbers)", "sum(numbers, 1000)") + "\n# a comment is no change\n")
    before = place.effects()
    code, out, err = place.shell.call(*run, "--resume", "last", "--input", "offset=7", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == {"total": 1010, "offset": 7}
    assert "repeated" not in err, "what has changed had not committed"
    assert place.effects() - before == Counter(total=1)


@pytest.mark.slow
def test_changed_function_repeats_who_reads_its_results(place: Place) -> None:
    place.mark("broken")
    run = ("run", place.manifest, "--planner", "wukong")
    assert place.shell.call(*run)[0] == 1
    place.unmark("broken")
    place.write(functions=FUNCTIONS.replace("    return number\n\ndef gate", "    return number * 10\n\ndef gate", 1))
    code, out, err = place.shell.call(*run, "--resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == {"total": 0 + 10 + 200 + 100, "offset": 100}
    assert "  repeated: load" in err and ": its function has changed" in err


def test_run_that_is_over_is_shown_again_until_it_is_removed(place: Place) -> None:
    code, first, _ = place.shell.call("run", place.manifest)
    assert code == 0
    for _ in range(2):
        assert place.shell.call("run", "--attach", "last")[:2] == (0, first)
    code, out, err = place.shell.call("run", "--resume", "last")
    assert (code, out) == (1, "")
    assert "has succeeded: there is nothing left to do" in err
    (run,) = (str(one["run"]) for one in place.runs())
    for name, told in ((run[:-1] + "z", f"did you mean {run}?"), ("absent", "there is no run `absent`")):
        code, out, err = place.shell.call("errors", name)
        assert (code, out) == (2, "")
        assert told in err and "Traceback" not in err
    assert place.shell.call("clean", "last")[:2] == (0, f"removed {run}\n")
    assert place.runs() == []
    assert place.shell.call("run", "--attach", "last")[0] == 2
    assert not list((place.folder / "home").rglob("record"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--resume", "last", "--set", "a=1"), "without FILE a run is resumed as it was compiled"),
        (("run", "--resume", "last", "--attach", "last"), "--attach and --resume exclude one another"),
        (("run", "--attach", "last", "--input", "a=1"), "--input is decided when a run is launched"),
        (("run", "--detach", "--inline"), "--inline and --detach exclude one another"),
        (("clean",), "clean takes RUN"),
        (("clean", "--older-than", "soon"), "`soon` is not a duration"),
        (("cancel", "last"), "has none"),
    ],
)
def test_wrong_use_is_one_message(place: Place, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = place.shell.call(*arguments)
    assert (code, out) == (2, "")
    assert told in err and "Traceback" not in err


@contextmanager
def launched(place: Place, *arguments: str) -> Iterator[int]:
    """A launcher whose run waits at the gate; the process's id."""
    path = place.write(gate="gate")
    process = place.shell.start("run", path, "--planner", "wukong", *QUICK, *arguments)
    try:
        wait_for(lambda: place.effects()["gate"] == 1, "the gate's task to begin")
        yield process.pid
    finally:
        end(process)


def test_killed_launcher_is_replaced_by_one_that_attaches(place: Place) -> None:
    """The launcher is killed outright, and another process takes the run over."""
    place.shell.json("local", "start")
    with launched(place) as pid:
        family = descendants_of(pid)
        began = time.time()
    assert place.state() == "running"
    place.mark("open")
    opened = time.time()
    code, out, err = place.shell.call("run", "--attach", "last", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["result"] == RESULT
    assert opened - began < told["makespan_s"] < time.time() - int(told["run"].split("_")[0]) / 1000
    assert place.shell.json("runs", "show", "last")["makespan_s"] == told["makespan_s"]
    assert set(place.effects().values()) == {1}, place.effects()
    assert not any(map(is_alive, family))
    assert place.state() == "succeeded"
    assert no_keys_but_records(place.shell.json("local", "status")["redis_url"])


def test_run_whose_own_stack_ended_with_its_launcher_is_resumed(place: Place) -> None:
    with launched(place) as pid:
        family = descendants_of(pid)
        running = place.runs()[0]
        assert running["state"] == "running", "a foreground run is seen from elsewhere"
    wait_for(lambda: not any(map(is_alive, family)), "the stack to end")
    assert place.state() == "interrupted"
    before = place.effects()
    place.mark("open")
    resumed = time.time()
    code, out, err = place.shell.call("run", "--resume", "last", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["result"] == RESULT
    assert 0 < told["makespan_s"] < time.time() - resumed, "that of this launch"
    again = place.effects() - before
    assert not any(again[f"load {number}"] for number in range(2)), "they had been committed"
    assert place.state() == "succeeded"


def test_detached_run_is_followed_left_and_followed_again(place: Place) -> None:
    path = place.write(gate="gate")
    started = place.shell.json("run", path, "--detach", *QUICK)
    run = started["run"]
    attached = place.shell.start("run", "--attach", run[:13])
    try:
        assert attached.stderr is not None
        assert attached.stderr.readline().startswith(f"attached to {run}")
        wait_for(lambda: place.effects()["gate"] == 1, "the gate's task to begin")
        wait_for(lambda: bool(place.runs()[0]["is_watched"]), "the watchdog to say that it is there")
        attached.send_signal(signal.SIGINT)
        out, err = attached.communicate(timeout=END_S)
    finally:
        end(attached)
    assert (attached.returncode, out) == (130, "")
    assert "goes on" in err and "Traceback" not in err
    place.mark("open")
    wait_for(lambda: place.state() == "succeeded", "the watchdog to end the run")
    code, out, _ = place.shell.call("run", "--attach", "last", "--json")
    assert code == 0
    answer = json.loads(out)
    assert (answer["run"], answer["result"]) == (run, RESULT)
    assert set(place.effects().values()) == {1}


def test_run_outlives_its_watchdog(place: Place) -> None:
    path = place.write(gate="gate")
    place.shell.json("run", path, "--detach", *QUICK)
    wait_for(lambda: place.effects()["gate"] == 1, "the gate's task to begin")
    for watchdog in watchdogs(place):
        os.kill(watchdog, signal.SIGKILL)
    (busy,) = busy_environments(place)
    os.kill(busy, signal.SIGKILL)
    place.mark("open")
    code, out, err = place.shell.call("run", "--attach", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == RESULT
    assert place.effects()["gate"] == 2, "its environment was killed, and the attached client had it called again"


def busy_environments(place: Place) -> list[int]:
    environments = place.shell.json("local", "status")["environments"]
    return [one["pid"] for one in environments if one["state"] == "busy"]


def watchdogs(place: Place) -> list[int]:
    """The watchdogs whose home is this test's."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_one = b"runtime.runs.watchdog" in (path / "cmdline").read_bytes()
            if is_one and f"HOME={place.shell.environ['HOME']}".encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    assert found
    return found


def test_cancelled_run_is_over_for_everybody(place: Place) -> None:
    path = place.write(gate="gate")
    place.shell.json("run", path, "--detach", *QUICK)
    wait_for(lambda: place.effects()["gate"] == 1, "the gate's task to begin")
    attached = place.shell.start("run", "--attach", "last")
    dogs = watchdogs(place)
    try:
        assert attached.stderr is not None
        assert "attached to" in attached.stderr.readline()
        assert place.shell.call("run", "--resume", "last")[0] == 1, "it is running"
        assert place.shell.call("clean", "last")[0] == 1, "it is running"
        code, out, _ = place.shell.call("cancel", "last")
        assert code == 0 and out.startswith("cancelled ")
        out, err = attached.communicate(timeout=END_S)
    finally:
        end(attached)
    assert (attached.returncode, out) == (130, "")
    assert "was cancelled" in err
    wait_for(lambda: not any(map(is_alive, dogs)), "the watchdog to end")
    assert place.state() == "cancelled"
    wait_for(lambda: not busy_environments(place), "the task to be ended")
    assert no_keys_but_records(place.shell.json("local", "status")["redis_url"])
    assert "was cancelled" in place.shell.call("cancel", "last")[2]
    assert "was cancelled: nothing of it is kept" in place.shell.call("run", "--resume", "last")[2]


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_stack_of_detached_runs_ends_when_nobody_uses_it(own_state: Path) -> None:
    settings = LocalSettings(deployment="lingers", concurrency_limit=2)
    stack = start_kept(settings, linger_s=0.4)
    family = [stack.pid, *descendants_of(stack.pid)]
    with held(stack.directory):
        for _ in range(20):
            assert stack.status()["pid"] == stack.pid
            signal.sigtimedwait([], 0.05)
    wait_for(lambda: not stack.directory.exists(), "the stack to end")
    wait_for(lambda: not any(pid for pid in family[1:] if is_alive(pid)), "its processes to end")
    assert not (own_state / "state" / "treadle" / "local" / "lingers.json").exists()


def test_stack_that_shall_stay_does_not_end_by_itself(own_state: Path) -> None:
    settings = LocalSettings(deployment="stays", concurrency_limit=2)
    stack = start_kept(settings, linger_s=0.2)
    try:
        assert start_kept(settings).pid == stack.pid
        signal.sigtimedwait([], 1.0)
        assert stack.status()["pid"] == stack.pid
    finally:
        assert stop_kept("stays")


def test_run_of_a_stack_that_was_killed_outright_is_interrupted_and_goes_on(place: Place) -> None:
    path = place.write(gate="gate")
    place.shell.json("run", path, "--planner", "wukong", "--detach", *QUICK)
    wait_for(lambda: place.effects()["gate"] == 1, "the gate's task to begin")
    status = place.shell.json("local", "status")
    with redis.Redis.from_url(status["redis_url"]) as client:
        client.save()
    family = [status["pid"], *descendants_of(status["pid"])]
    os.kill(status["pid"], signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, family)), "its processes to end")
    assert place.state() == "interrupted"
    before = place.effects()
    place.mark("open")
    code, out, err = place.shell.call("run", "--attach", "last", "--json")
    assert code == 0, err
    assert "was interrupted: going on with it" in err
    assert json.loads(out)["result"] == RESULT
    assert not any((place.effects() - before)[f"load {number}"] for number in range(2)), "they had been committed"


def test_bundle_resumes_and_shows_a_run_by_its_own_launcher(place: Place) -> None:
    place.mark("broken")
    assert place.shell.call("build", place.manifest, "-o", place.folder / "out")[0] == 0
    launch = place.folder / "out" / "launch.py"
    assert call_launcher(place, launch)[0] == 1
    place.unmark("broken")
    code, out, err = call_launcher(place, launch, "--resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == RESULT
    assert ": 4 of 5 tasks are done" in err
    assert call_launcher(place, launch, "--attach", "last", "--json")[:2] == (0, out)


def call_launcher(place: Place, launch: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, launch, *arguments],
        env=place.shell.environ,
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
