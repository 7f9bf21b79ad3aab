"""Runs as files: exported from one home, imported into another one with another key, and shown alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawing.bounding_boxes import assert_legible
from tests.shell import ROOT, Shell, shell_at

FUNCTIONS = """\
import pathlib

def say(number):
    print(f"out {number}")
    return number

def total(numbers):
    if pathlib.Path("FOLDER/broken").exists():
        raise ValueError("the total is broken")
    return sum(numbers)
"""
MANIFEST = """\
spec: 1
name: talk
tasks:
  say: {call: "functions:say", foreach: {i: "${{ range(5) }}"}, args: ["${{ i }}"]}
  total: {call: "functions:total", args: ["${{ tasks.say }}"]}
result: ${{ tasks.total }}
"""
UNLIKE = ("is_imported", "is_live", "problems")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one run that succeeded and one, the newest, that failed."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "functions.py").write_text(FUNCTIONS.replace("FOLDER", str(folder)))
    (folder / "workflow.yaml").write_text(MANIFEST)
    shell = shell_at(folder / "home")
    code, out, err = shell.call("run", folder / "workflow.yaml", "--config", "linger=20ms", "--json")
    assert code == 0, err
    (folder / "result.json").write_text(out)
    (folder / "broken").write_text("")
    assert shell.call("run", folder / "workflow.yaml", "--planner", "wukong")[0] == 1
    yield folder


def test_figures_of_a_run_are_the_same_wherever_they_are_shown(home: Path) -> None:
    result = json.loads((home / "result.json").read_text())
    shown = shell_at(home / "home").json("runs", "show", result["run"], "--timeline")
    assert (shown["run"], shown["makespan_s"]) == (result["run"], result["makespan_s"])
    assert shown["timeline"]["last_commit"] - shown["timeline"]["invoked_at"] == result["makespan_s"]
    summary = shown["summary"]
    assert summary == result["summary"]
    assert sum(summary["totals"].values()) == pytest.approx(summary["worker_s"])
    assert {row["task"]: row["attempts"] for row in summary["tasks"]} == {"say": 5, "total": 1}
    assert summary["invocations_without_end"] == 0


def test_failed_run_shows_what_its_workers_measured(home: Path) -> None:
    code, out, _ = shell_at(home / "home").call("runs", "show")
    assert code == 0
    assert "failed    total, attempt 1: ValueError: the total is broken" in out
    assert "of the workers' time went" in out
    assert "total, failed" in out


def test_run_is_drawn_with_every_attempt_of_its_workers(home: Path, tmp_path: Path) -> None:
    shell, run = shell_at(home / "home"), json.loads((home / "result.json").read_text())["run"]
    code, out, err = shell.call("runs", "show", run, "--timeline", "--picture", tmp_path / "run.svg")
    assert code == 0, err
    assert "critical path" in out and "execution" in out
    drawn = (tmp_path / "run.svg").read_text()
    assert_legible(drawn)
    assert f"run {run}" in drawn and ">makespan " in drawn
    assert all(f">{task}" in drawn for task in ("say[0]", "say[4]", "total"))
    shell.call("runs", "show", "last", "--picture", tmp_path / "failed.svg")
    assert "execution, failed" in (tmp_path / "failed.svg").read_text()
    code, _, err = shell.call("runs", "show", run, "--picture", tmp_path / "no" / "run.svg")
    assert (code, "cannot write" in err) == (4, True)


def exported(home: Path, run: str, to: Path) -> tuple[Shell, str]:
    shell = shell_at(home / "home")
    return shell, shell.json("runs", "export", run, to)["run"]


@pytest.mark.parametrize("number", [0, 1])
def test_imported_run_shows_what_it_showed_where_it_ran(home: Path, tmp_path: Path, number: int) -> None:
    file = tmp_path / "run.zip"
    run = shell_at(home / "home").json("runs")[number]["run"]
    here, _ = exported(home, run, file)
    there = shell_at(tmp_path / "home")
    assert there.json("runs", "import", file, "--deployment", "other") == {"run": run, "is_new": True}
    assert there.json("runs", "import", file, "--deployment", "other") == {"run": run, "is_new": False}
    before = here.json("runs", "show", run, "--timeline")
    after = there.json("runs", "show", run, "--timeline", "--deployment", "other")
    assert list(after)[:4] == ["run", "makespan_s", "cost_usd", "state"]
    assert after["is_imported"] and not before["is_imported"]
    assert {name: value for name, value in after.items() if name not in UNLIKE} == {
        name: value for name, value in before.items() if name not in UNLIKE
    }
    assert there.json("logs", run, "--deployment", "other") == here.json("logs", run)
    assert there.json("errors", run, "--deployment", "other") == here.json("errors", run)
    assert there.json("clean", run, "--deployment", "other")["removed"] == [run]
    assert there.json("runs", "--deployment", "other") == []


def test_result_of_an_imported_run_opens_with_its_own_key_alone(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.zip"
    run = shell_at(home / "home").json("runs")[1]["run"]
    exported(home, run, file)
    there = shell_at(tmp_path / "home")
    there.json("runs", "import", file)
    code, out, err = there.call("run", "--attach", run)
    assert (code, out) == (4, "")
    assert "error[E606]" in err
    code, _, err = there.call("run", "--resume", run)
    assert code == 1
    key = "home/.config/treadle/keys/local.key"
    (tmp_path / key).write_bytes((home / key).read_bytes())
    there.json("clean", "--all")
    there.json("runs", "import", file)
    assert there.call("run", "--attach", run)[:2] == (0, "10\n")


def test_failed_run_that_was_imported_is_not_resumed(home: Path, tmp_path: Path) -> None:
    exported(home, "last", tmp_path / "run.zip")
    there = shell_at(tmp_path / "home")
    there.json("runs", "import", tmp_path / "run.zip")
    code, out, err = there.call("run", "--resume", "last")
    assert (code, out) == (1, "")
    assert "was imported: it goes on only where it was launched" in err
    assert "--resume" not in there.call("runs", "show", "last")[1]


def test_export_goes_through_pipes(home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "compiler.cli", "runs"]
    environs = [shell_at(folder / "home").environ for folder in (home, tmp_path)]
    sent = subprocess.run([*command, "export", "last", "-"], cwd=ROOT, env=environs[0], capture_output=True, check=True)
    taken = subprocess.run(
        [*command, "import", "-"], cwd=ROOT, env=environs[1], input=sent.stdout, capture_output=True, check=True
    )
    assert taken.stdout.decode().strip() == shell_at(home / "home").json("runs")[0]["run"]


def test_export_replaces_nothing_but_an_export(home: Path, tmp_path: Path) -> None:
    shell, _ = exported(home, "last", tmp_path / "run.zip")
    assert shell.call("runs", "export", "last", tmp_path / "run.zip")[0] == 0
    (tmp_path / "notes.txt").write_text("dear diary")
    code, _, err = shell.call("runs", "export", "last", tmp_path / "notes.txt")
    assert code == 4
    assert "notes.txt exists, and is no exported run" in err
    code, _, err = shell.call("runs", "export", "last", tmp_path / "no" / "run.zip")
    assert (code, "run.zip cannot be written: No such file" in err) == (4, True)
