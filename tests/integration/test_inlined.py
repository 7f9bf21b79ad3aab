"""Workflows of several files on real processes: the slash in names goes through Redis, workers and reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shell import Shell, shell_at

MAIN = """\
spec: 1
name: main
imports: {etl: etl/etl.yaml}
include: [ends.yaml]
tasks:
  load: {call: main_code:rows, args: [6]}
  sub:
    workflow: etl
    foreach: {which: [even, odd]}
    with: {rows: "${{ tasks.load }}", start: "${{ 0 if which == 'even' else 1 }}"}
outputs: {total: "${{ tasks.total }}", odd: "${{ tasks.sub['odd'].parts }}"}
"""
ENDS = "tasks:\n  total: {call: 'main_code:add', args: ['${{ tasks.sub }}']}\n"
ETL = """\
spec: 1
name: etl
params: {start: {type: int}}
inputs: {rows: {type: any}, factor: {type: int, default: 10}}
tasks:
  pick: {call: etl_code:pick, args: ["${{ inputs.rows.values }}", "${{ params.start }}"]}
  scale:
    call: etl_code:scale
    foreach: {i: [0, 1, 2]}
    args: ["${{ tasks.pick[i] }}", "${{ inputs.factor }}"]
outputs: {parts: "${{ tasks.scale }}"}
"""
MAIN_CODE = """\
def rows(n):
    return {"values": list(range(n))}


def add(copies):
    return sum(sum(copy["parts"]) for copy in copies)
"""
ETL_CODE = """\
def pick(values, start):
    return values[start::2]


def scale(value, factor):
    if value == BAD:
        raise ValueError(f"{value} will not do")
    return value * factor


BAD = None
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_at(tmp_path)


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "etl").mkdir(parents=True)
    texts = {"main.yaml": MAIN, "ends.yaml": ENDS, "main_code.py": MAIN_CODE}
    for name, text in {**texts, "etl/etl.yaml": ETL, "etl/etl_code.py": ETL_CODE}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "main.yaml"


@pytest.mark.parametrize("options", [("--planner", "simple"), ("--planner", "wukong"), ("--inline",)])
def test_an_inlined_workflow_runs(shell: Shell, workflow: Path, options: tuple[str, ...]) -> None:
    answer = shell.json("run", workflow, *options)
    assert answer["outputs"] == {"total": 150, "odd": [10, 30, 50]}
    assert answer["tasks"] == 2 + 2 * 4


def test_a_failure_inside_is_told_with_its_file(shell: Shell, workflow: Path) -> None:
    code = workflow.parent / "etl/etl_code.py"
    code.write_text(ETL_CODE.replace("BAD = None", "BAD = 3"), encoding="utf-8")
    status, out, err = shell.call("run", workflow, "--json")
    assert status == 1
    record = json.loads(out)["error"]["records"][0]
    assert (record["task"], record["file"], record["line"]) == ('sub/scale["odd"][1]', "etl/etl.yaml", 7)
    assert "etl/etl.yaml line 7" in err
    assert 'File "etl/etl_code.py", line 7, in scale' in record["traceback"]


def test_a_bundle_of_it_is_the_same_in_every_folder(shell: Shell, workflow: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    workflow.parent.rename(copy)
    first = shell.json("build", copy / "main.yaml", "-o", tmp_path / "one")
    copy.rename(workflow.parent)
    second = shell.json("build", workflow, "-o", tmp_path / "two")
    assert first["digest"] == second["digest"]


@pytest.mark.parametrize("pattern", ["sub/scale", "sub/scale[odd]", 'sub/scale["odd"][1]'])
def test_inner_instances_are_chosen_by_their_names(shell: Shell, workflow: Path, pattern: str) -> None:
    shown = shell.json("expand", workflow, pattern)
    names = [one["name"] for one in shown["instances"]]
    assert 'sub/scale["odd"][1]' in names and all(name.startswith("sub/scale[") for name in names)


@pytest.mark.parametrize(("pattern", "count"), [("sub", 8), ("sub[odd]", 4), ('sub["odd"][1]', 1)])
def test_a_whole_copy_is_chosen_by_the_task_that_inlines_it(
    shell: Shell, workflow: Path, pattern: str, count: int
) -> None:
    assert len(shell.json("expand", workflow, pattern)["instances"]) == count


@pytest.mark.parametrize("form", ["dot", "mermaid", "svg", "json"])
def test_inner_tasks_are_drawn(shell: Shell, workflow: Path, form: str) -> None:
    for level in ("template", "instance"):
        status, out, err = shell.call("graph", workflow, "--format", form, "--level", level)
        assert status == 0, err
        assert "sub/scale" in out
