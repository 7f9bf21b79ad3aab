"""The driver of the experiments, for real: interrupted after the first row, and started again."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.experiments.__main__ import main
from tests.shell import END_S, ROOT, end, shell_at, wait_for

OPTIONS = ("--workflows", "hello,tree_reduction:leaves=4", "--planners", "simple,wukong", "--slas", "p95")
WHOLE = (*OPTIONS, "--repetitions", "1", "--learn", "0", "--environments", "2")


def rows(folder: Path) -> list[dict[str, str]]:
    path = folder / "runs.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_campaign_that_was_interrupted_goes_on_and_repeats_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.experiments", *WHOLE, "--folder", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(rows(tmp_path)) >= 1, "the first row")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=END_S)
    finally:
        end(process)
    assert process.returncode == 130, err
    assert "goes on" in err and "Traceback" not in err
    first = rows(tmp_path)
    assert 1 <= len(first) < 4

    assert main([*WHOLE, "--dry-run", "--folder", str(tmp_path)]) == 0
    assert f"{len(first)} are there already" in capfd.readouterr().out
    assert main([*WHOLE, "--folder", str(tmp_path)]) == 0
    found = rows(tmp_path)
    assert found[: len(first)] == first
    assert len({(row["workflow"], row["planner"]) for row in found}) == len(found) == 4
    for row in found:
        assert row["outcome"] == "done", row["message"]
        assert float(row["makespan_s"]) > 0 and float(row["cost_usd"]) > 0
        assert row["sizes_mb"] == "1769" and float(row["gb_s"]) > 0
        assert int(row["cold"]) + int(row["warm"]) == int(row["invocations"])
    assert not shell_at(tmp_path / "home").json("local", "status")["running"]

    capfd.readouterr()
    assert main(["--table", "--folder", str(tmp_path)]) == 0
    medians, orders = capfd.readouterr().out.split("\n\n")
    assert medians.count("tree_reduction:leaves=4") == 2
    assert orders.count("too few runs") == len({row["workflow"] for row in found})


def test_what_no_plan_can_do_is_an_outcome_and_the_campaign_goes_on(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def fail():\n    raise ValueError('on purpose')\n")
    (tmp_path / "workflow.yaml").write_text(
        'spec: 1\nname: broken\ntasks:\n  fail: {call: "functions:fail"}\nresult: "${{ tasks.fail }}"\n'
    )
    options = ("--workflows", str(tmp_path / "workflow.yaml"), "--planners", "simple", "--slas", "p95,p0")
    folder = tmp_path / "experiments"
    assert main([*options, "--repetitions", "1", "--learn", "0", "--cold", "--folder", str(folder)]) == 0
    messages = {row["sla"]: row["message"] for row in rows(folder)}
    assert "task fail failed" in messages["p95"]
    assert "0" in messages["p0"]
    assert {row["outcome"] for row in rows(folder)} == {"failed"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workflows", "nowhere"), "nowhere is neither"),
        (("--planners", "best"), "best is no planner"),
        (("--memory", "1GiB"), "1GiB is no number of MB"),
        (("--workflows", ""), "at least one workflow"),
        (("--table",), "runs.csv"),
    ],
)
def test_mistakes_are_one_line(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, "--folder", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
