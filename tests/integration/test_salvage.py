"""What a failed run keeps: also results that had stayed in the memory of its workers, and of those that were busy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell import Shell, shell_at

FUNCTIONS = """\
import pathlib, threading, time

HERE = pathlib.Path("FOLDER")

def note(text, *_):
    with open(HERE / "effects", "a") as file:
        file.write(text + "\\n")
    return text

def broken(text, *_):
    note(text)
    give_up = time.monotonic() + 60
    while "busy" not in (HERE / "effects").read_text() and time.monotonic() < give_up:
        time.sleep(0.01)
    if (HERE / "broken").exists():
        raise ValueError("broken")
    return text

def patient(text, *_):
    note(text)
    if (HERE / "broken").exists():
        time.sleep(60)
    return text

def large(text, *_):
    note(text)
    return text * 100_000

def opaque(text, *_):
    note(text)
    return threading.Lock()
"""
MANIFEST = """\
spec: 1
name: chains
tasks:
  first: {call: "functions:note", args: [first]}
  large: {call: "functions:large", args: [large, "${{ tasks.first }}"]}
  opaque: {call: "functions:opaque", args: [opaque]}
  second: {call: "functions:broken", args: [second, "${{ tasks.large }}", "${{ tasks.opaque }}"], worker: a}
  third: {call: "functions:note", args: [third, "${{ tasks.second }}"], worker: a}
  other: {call: "functions:note", args: [other], worker: b}
  busy: {call: "functions:patient", args: [busy, "${{ tasks.other }}"], worker: b}
  last: {call: "functions:note", args: [last, "${{ tasks.busy }}"], worker: b}
result: ["${{ tasks.third }}", "${{ tasks.last }}"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "functions.py").write_text(FUNCTIONS.replace("FOLDER", str(tmp_path)))
    text = MANIFEST
    for name in ("first", "large", "opaque"):
        text = text.replace(f"  {name}: {{", f"  {name}: {{worker: a, ")
    (tmp_path / "workflow.yaml").write_text(text)
    (tmp_path / "broken").write_text("")
    yield tmp_path


def test_resume_repeats_no_result_that_was_in_the_memory_of_a_worker(folder: Path) -> None:
    shell: Shell = shell_at(folder / "home")
    code, _, err = shell.call("run", folder / "workflow.yaml", "--config", "renew=200ms", "--config", "lease=2s")
    assert code == 1 and "second failed" in err
    (folder / "broken").unlink()
    before = effects(folder)
    assert before["busy"] == 1
    code, out, err = shell.call("run", "--resume", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["result"] == ["third", "last"]
    again = effects(folder) - before
    assert again == Counter(opaque=1, second=1, third=1, busy=1, last=1), "only `opaque` cannot be kept"


def effects(folder: Path) -> Counter[str]:
    return Counter((folder / "effects").read_text().splitlines())
