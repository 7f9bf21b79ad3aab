"""Object stores that fail in the middle of a run, lose objects, or are left by runs that did not end well."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from tests.contracts.buckets import s3_with
from tests.contracts.faulty_s3 import Change, Door, Refuse, door_to
from tests.integration.running import CONCURRENCY, Bench, compile_at, write_workflow
from tests.shell import Shell, end, shell_at, wait_for

SETTINGS = WorkerSettings(fan_out=CONCURRENCY, lease_s=2.0, renew_s=0.5, call_limit_s=2.0)
BODY = """
params: {folder: {type: str}}
tasks:
  array: {call: "functions:array", args: ["${{ params.folder }}"], worker: red}
  between: {call: "functions:between", args: ["${{ params.folder }}"], after: [array], worker: green}
  total: {call: "functions:total", args: ["${{ tasks.array }}", "${{ tasks.between }}"], worker: blue}
result: ${{ tasks.total }}
"""
FUNCTIONS = """
import pathlib
import resource
import shutil
import time

import numpy


def array(folder):
    with open(f"{folder}/made", "a") as file:
        file.write("x")
    if pathlib.Path(folder, "small").exists():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return numpy.arange(300_000)


def between(folder):
    lose = pathlib.Path(folder, "lose")
    if lose.exists():
        lose.unlink()
        shutil.rmtree(folder + "/store/integration")
    if pathlib.Path(folder, "broken").exists():
        raise ValueError("broken")
    while pathlib.Path(folder, "wait").exists():
        time.sleep(0.02)
    return 1


def total(array, one):
    return int(array.sum()) + one
"""
TOTAL = 300_000 * 299_999 // 2 + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_with("values") as endpoint:
        yield endpoint


@pytest.fixture
def door(endpoint: str) -> Iterator[Door]:
    with door_to(endpoint) as door:
        yield door


def run(bench: Bench, folder: Path, address: str = "") -> object:
    build = compile_at(write_workflow(folder, BODY, FUNCTIONS), "simple", folder=str(folder))
    settings = replace(SETTINGS, object_store=address or str(folder / "store"), object_store_bytes=1_000_000)
    return bench.run(build, settings).result


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "store").rglob("*") if path.is_file()]


def test_an_object_that_is_lost_is_made_again(bench: Bench, folder: Path) -> None:
    (folder / "lose").touch()
    assert run(bench, folder) == TOTAL
    assert (folder / "made").read_text() == "xx"
    assert files(folder) == []


def test_a_file_that_may_not_become_so_large_ends_the_run_with_one_message(bench: Bench, folder: Path) -> None:
    (folder / "small").touch()
    with pytest.raises(RunFailed, match=r"object store \S+ takes no file as large as that"):
        run(bench, folder)
    assert files(folder) == []


@pytest.mark.parametrize(
    ("method", "refusal"),
    [("PUT", Refuse(403, "AccessDenied")), ("GET", Refuse(403, "AccessDenied")), ("PUT", Refuse(507, "QuotaExceeded"))],
    ids=["denied put", "denied get", "full"],
)
def test_a_bucket_that_refuses_in_mid_run_ends_it_with_one_message(
    bench: Bench, folder: Path, door: Door, method: str, refusal: Refuse
) -> None:
    door.fault = lambda asked, path: refusal if asked == method and "array" in path else None
    with pytest.raises(RunFailed, match=r"object store s3://values (denies access|is full)"):
        run(bench, folder, "s3://values/runs")


def test_an_object_with_wrong_bytes_is_not_used(bench: Bench, folder: Path, door: Door) -> None:
    flip = Change(lambda body: body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])
    door.fault = lambda asked, path: flip if asked == "GET" and "array" in path else None
    with pytest.raises(RunFailed, match=r"E606.* are refused"):
        run(bench, folder, "s3://values/runs")


@pytest.fixture
def shell(folder: Path) -> Iterator[Shell]:
    shell = shell_at(folder / "home")
    path = write_workflow(folder, BODY, FUNCTIONS)
    (path.parent / "treadle.toml").write_text(
        f'object_store = "{folder / "store"}"\nobject_store_bytes = "1MB"\nlease = "2s"\nrenew = "500ms"\n'
    )
    yield shell
    (folder / "wait").unlink(missing_ok=True)
    shell.call("local", "stop")


def test_a_failed_run_keeps_its_objects_for_a_resume_and_until_clean(shell: Shell, folder: Path) -> None:
    (folder / "broken").touch()
    options = (folder / "workflow.yaml", "--set", f"folder={folder}")
    assert shell.call("run", *options)[0] == 1
    assert len(files(folder)) == 1
    assert shell.call("clean", "last")[0] == 0
    assert files(folder) == []


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_resumed_run_takes_its_objects_or_makes_them_again(shell: Shell, folder: Path, is_lost: bool) -> None:
    (folder / "broken").touch()
    assert shell.call("run", folder / "workflow.yaml", "--set", f"folder={folder}")[0] == 1
    (folder / "broken").unlink()
    if is_lost:
        files(folder)[0].unlink()
    code, out, err = shell.call("run", "--resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == TOTAL
    assert (folder / "made").read_text() == ("xx" if is_lost else "x")
    assert files(folder) == []


def test_a_cancelled_run_leaves_no_object(shell: Shell, folder: Path) -> None:
    (folder / "wait").touch()
    process = shell.start("run", folder / "workflow.yaml", "--set", f"folder={folder}")
    try:
        wait_for(lambda: len(files(folder)) == 1, "the array to be stored")
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        end(process)
    assert process.returncode == 130
    assert files(folder) == []
