"""A signing key is rotated and dropped while runs go on, wait to be resumed, or are over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.runs.signing_keys import default_key_path, load_or_create, rotate
from runtime.values.envelope import OVERHEAD, key_id, named_key
from tests.faults.workloads import SHORT_LEASES
from tests.integration.gate import WAIT, meanwhile
from tests.integration.running import DEPLOYMENT, Bench, compile_at, write_workflow
from tests.shell import Shell, shell_at, wait_for

FUNCTIONS = (
    WAIT
    + """

def double(number, folder=None):
    if folder and pathlib.Path(folder, "broken").exists():
        raise ValueError("broken")
    return 2 * number

def add(a, b):
    return a + b
"""
)
GATED = """
tasks:
  early: {call: "functions:double", args: [1], worker: red}
  gate: {call: "functions:wait", args: ["FOLDER"], worker: blue}
  late: {call: "functions:add", args: ["${{ tasks.early }}", "${{ tasks.gate }}"], worker: green}
  last: {call: "functions:double", args: ["${{ tasks.late }}", "FOLDER"], worker: red}
result: "${{ tasks.last }}"
"""
SINGLE = """
tasks: {a: {call: "functions:double", args: [4]}}
result: "${{ tasks.a }}"
"""


def gated(folder: Path) -> Path:
    return write_workflow(folder, GATED.replace("FOLDER", str(folder)), FUNCTIONS)


def test_a_run_goes_on_while_the_key_changes_and_another_is_launched(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(gated(tmp_path), "simple")
    other = compile_at(write_workflow(tmp_path / "b", SINGLE, FUNCTIONS), "wukong")
    path = default_key_path(DEPLOYMENT)
    old = load_or_create(path).keys[0].secret

    def keys_of_blobs() -> list[bytes]:
        blobs = sorted(bench.client.scan_iter(f"treadle:{DEPLOYMENT}:blob:*"))
        return [named_key(bench.client.getrange(key, 0, OVERHEAD)) for key in blobs]

    def rotate_and_run_another() -> None:
        before = keys_of_blobs()
        assert set(before) == {key_id(old)}
        rotate(path)
        assert bench.run(other).result == 8
        after = keys_of_blobs()
        assert after.count(key_id(old)) == len(before) < len(after)

    with meanwhile(tmp_path, rotate_and_run_another):
        assert bench.run(build, SHORT_LEASES).result == 6
    assert bench.run(build, SHORT_LEASES).result == 6


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = shell_at(tmp_path / "home")
    yield found
    (tmp_path / "open").touch()
    found.call("local", "stop")


def test_a_detached_run_and_a_failed_one_go_on_after_a_rotation(shell: Shell, tmp_path: Path) -> None:
    manifest = gated(tmp_path)
    detached = shell.json("run", manifest, "--detach")["run"]
    wait_for((tmp_path / "begun").exists, "the gate's task")
    old = shell.json("key")["keys"][0]
    assert (old["signs"], old["runs"]) == (True, 1)
    new = shell.json("key", "rotate")["key"]
    (tmp_path / "open").touch()
    assert shell.json("run", "--attach", detached)["result"] == 6

    (tmp_path / "broken").touch()
    assert shell.call("run", manifest)[0] == 1
    (tmp_path / "broken").unlink()
    shell.json("key", "rotate")
    resumed = shell.json("run", "--resume", "last")
    assert resumed["result"] == 6

    code, _, err = shell.call("key", "drop", old["key"])
    assert (code, "1 run of the deployment local would be lost" in err) == (1, True)
    assert shell.json("key", "drop", new, "--force")["dropped"] == new
    assert f"one more run cannot be opened here: `treadle runs show {resumed['run']}`" in shell.call("runs")[2]
    code, out, _ = shell.call("runs", "show", resumed["run"], "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (4, "E606")
    assert f"signed with the key {new}" in error["message"]
    assert shell.json("run", "--attach", detached)["result"] == 6


def test_machines_share_a_key_by_reference(shell: Shell, tmp_path: Path) -> None:
    manifest = write_workflow(tmp_path, SINGLE, FUNCTIONS)
    text = shell.call("key", "show")[1]
    elsewhere = Shell({**shell_at(tmp_path / "elsewhere").environ, "TREADLE_SIGNING_KEY": "env:TEAM", "TEAM": text})
    assert elsewhere.json("key")["keys"][0]["key"] == shell.json("key")["keys"][0]["key"]
    run = elsewhere.json("run", manifest, "--detach")["run"]
    assert elsewhere.json("run", "--attach", run)["result"] == 8
    assert not (tmp_path / "elsewhere" / ".config").exists()
    code, _, err = elsewhere.call("key", "rotate")
    assert (code, "read from env:TEAM" in err) == (2, True)
    assert elsewhere.call("local", "stop")[0] == 0
