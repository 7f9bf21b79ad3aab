"""`treadle logs`: what tasks wrote, by task and attempt, also of those whose process was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.runs.logs import is_of
from tests.integration.running import PLANNERS
from tests.shell import Shell, shell_at

QUICK = ("--config", "lease=1s", "--config", "renew=250ms", "--config", "call_limit=1s")
FUNCTIONS = """\
import os
import signal
import sys

def say(number):
    print(f"out {number}")
    print(f"err {number}", file=sys.stderr)
    return number

def silent(*_):
    return 1

def die(*_):
    print("last words")
    os.kill(os.getpid(), signal.SIGKILL)
"""
MANIFEST = """\
spec: 1
name: talk
tasks:
  say: {call: "functions:say", foreach: {i: "${{ range(11) }}"}, args: ["${{ i }}"]}
  shell: {exec: [sh, -c, "echo from a program >&2"]}
  end: {call: "functions:END", args: ["${{ tasks.say }}", "${{ tasks.shell }}"]}
result: ${{ tasks.end }}
"""


def talk(folder: Path, planner: str, end: str) -> tuple[Shell, int]:
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "workflow.yaml").write_text(MANIFEST.replace("END", end))
    shell = shell_at(folder / "home")
    return shell, shell.call("run", folder / "workflow.yaml", "--planner", planner, *QUICK)[0]


@pytest.mark.parametrize("planner", PLANNERS)
def test_what_tasks_wrote_is_shown_by_task(tmp_path: Path, planner: str) -> None:
    shell, code = talk(tmp_path, planner, "silent")
    assert code == 0
    written = shell.json("logs", "last")["logs"]
    told = {one["task"]: one["text"] for one in written}
    assert list(told) == [*(f"say[{number}]" for number in range(11)), "shell"]
    assert {(one["task"], *one["keys"]) for one in written} >= {("say[10]", 10), ("shell",)}
    assert told["say[10]"] == "out 10\nerr 10\n"
    assert told["shell"] == "from a program\n"
    code, out, _ = shell.call("logs", "last", "say[3]")
    assert code == 0
    assert out.splitlines()[0].startswith("── say[3], attempt 1 · worker ")
    assert out.splitlines()[1:] == ["out 3", "err 3"]
    code, out, err = shell.call("logs", "last", "end")
    assert (code, out) == (0, "")
    assert "nothing was written by `end`" in err
    asked = {
        "sya": "did you mean `say`?",
        "say[11]": "it has say[0], … say[10] (11)",
        "nothing": "its tasks are say, shell, end",
    }
    for name, told in asked.items():
        code, out, err = shell.call("logs", "last", name)
        assert (code, out) == (2, "")
        assert told in err, err


def test_last_words_of_a_killed_process_are_shown(tmp_path: Path) -> None:
    shell, code = talk(tmp_path, "wukong", "die")
    assert code == 1
    written = shell.json("logs", "last", "end")["logs"]
    assert [(one["attempt"], one["text"], one["is_open"]) for one in written][-1] == (3, "last words\n", True)


def test_logs_of_an_unknown_run_are_a_usage_error(tmp_path: Path) -> None:
    code, _, err = shell_at(tmp_path / "home").call("logs", "no-such-run")
    assert code == 2
    assert "there is no run `no-such-run`" in err


@pytest.mark.parametrize(
    ("asked", "is_wanted"),
    [
        ("fit[knn][3]", True),
        ('fit["knn"][3]', True),
        ("fit[knn]", True),
        ("fit", True),
        ("fit[k]", False),
        ("fi", False),
    ],
)
def test_text_key_may_go_without_quotes(asked: str, is_wanted: bool) -> None:
    assert is_of('fit["knn"][3]', asked) is is_wanted
