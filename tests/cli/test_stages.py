"""The verbs of the stages: validate, expand, graph, plan, build, inspect, on the examples and on mistakes."""

from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.cli.conftest import MANIFESTS, Treadle

TREE = MANIFESTS / "tree_reduction" / "workflow.yaml"
TRAIN = MANIFESTS / "train_test" / "workflow.yaml"

BROKEN = """\
spec: 1
name: broken
tasks:
  a: {call: "functions:f", args: ["${{ tasks.b }}"]}
  c: {cal: "functions:f"}
result: ${{ tasks.a }}
"""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "functions.py").write_text("def f(x): return x\n")
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN)
    return path


@pytest.mark.parametrize("example", sorted(path.parent.name for path in MANIFESTS.glob("*/workflow.yaml")))
def test_examples_have_no_mistake_and_no_warning(treadle: Treadle, example: str) -> None:
    called = treadle("validate", MANIFESTS / example / "workflow.yaml", "--format", "json")
    assert called.json["diagnostics"] == []
    assert called.code == 0


def test_validate_shows_every_mistake_with_its_line(treadle: Treadle, broken: Path) -> None:
    called = treadle("validate", broken, "--format", "json")
    assert called.code == 1
    found = {(one["code"], one["range"]["start"]["line"]) for one in called.json["diagnostics"]}
    assert ("E102", 5) in found
    human = treadle("validate", broken)
    assert "broken.yaml:5:" in human.err
    assert human.out == ""


def test_validate_json_is_format_json(treadle: Treadle, broken: Path) -> None:
    assert treadle("validate", broken, "--json").out == treadle("validate", broken, "--format", "json").out


def test_validate_takes_several_files_and_reports_the_missing_one(treadle: Treadle, broken: Path) -> None:
    called = treadle("validate", TREE, "nowhere.yaml", broken, "--format", "json")
    assert called.code == 4
    assert {one["code"] for one in called.json["diagnostics"]} >= {"E001", "E102"}


def test_validate_reads_standard_input(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TextIOWrapper(BytesIO(b"spec: 1\nname: x\ntasks: {}\n"))
    monkeypatch.setattr(sys, "stdin", text)
    called = treadle("validate", "-", "--format", "json")
    assert called.code == 1
    assert [one["code"] for one in called.json["diagnostics"]] == ["E112"]


def test_denied_warning_is_an_error_and_allowed_one_is_silent(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def f(): return 1\n")
    (tmp_path / "two.yaml").write_text(
        'spec: 1\nname: two\ntasks:\n  a: {call: "functions:f"}\n  b: {call: "functions:f"}\n'
    )
    assert treadle("validate", "two.yaml").code == 0
    assert "W302" in treadle("validate", "two.yaml").err
    assert treadle("validate", "two.yaml", "--deny", "W302").code == 1
    assert "W302" not in treadle("validate", "two.yaml", "--allow", "W302").err
    assert treadle("validate", "two.yaml", "--deny", "E301").code == 2


def test_expand_counts_lists_and_shows(treadle: Treadle) -> None:
    counted = treadle("expand", TREE, "--count", "--json").json
    assert counted["instances"] == 1023
    assert counted["tasks"] == {"leaf": 512, "add": 511}
    lines = treadle("expand", TREE, "--set", "leaves=4").out.splitlines()
    assert lines[0] == "leaf[0] = tree:load(0)"
    assert lines[-1] == "add[2][0] = tree:add(add[1][0], add[1][1])"
    shown = treadle("expand", TREE, "add[2][0]", "--set", "leaves=4").out
    assert "args[1]" in shown
    assert "add[1][1]" in shown


def test_expand_selects_families_rows_and_instances(treadle: Treadle) -> None:
    def names(*patterns: str) -> list[str]:
        answer = treadle("expand", TRAIN, *patterns, "--json").json
        return [one["name"] for one in answer["instances"]]

    every = [f'fit["{kind}"][{size}]' for kind in ("knn", "tree") for size in (3, 9, 27)]
    assert names("fit") == every
    assert names("fit[tree]") == ['fit["tree"][3]', 'fit["tree"][9]', 'fit["tree"][27]']
    assert names('fit["tree"][9]', "split") == ['fit["tree"][9]', "split"]


def test_expand_keeps_references_at_any_depth(treadle: Treadle) -> None:
    (compare,) = treadle("expand", TRAIN, "compare", "--json").json["instances"]
    assert compare["with"]["data"] == {"train": {"ref": "split.train"}, "test": {"ref": "split.test"}}
    assert compare["with"]["parts"][1][2] == {"ref": 'score["tree"][27]'}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("ad[1]", "there is no task `ad`; did you mean `add`?"),
        ("leaf[9]", "valid keys of `leaf` are 0..3 (4)"),
        ("add[2][1]", "valid keys of `add[2]` are 0 (1)"),
        ("leaf[0][0]", "`leaf` has 1 key, `leaf[0][0]` gives 2"),
        ("leaf[", "names no instance"),
    ],
)
def test_expand_of_an_unknown_instance_is_explained(treadle: Treadle, pattern: str, said: str) -> None:
    called = treadle("expand", TREE, pattern, "--set", "leaves=4")
    assert called.code == 2
    assert said in called.err


@pytest.mark.parametrize("level", ["template", "instance"])
def test_graph_draws_both_levels(treadle: Treadle, level: str) -> None:
    arguments = ("graph", TREE, "--level", level, "--set", "leaves=4")
    assert treadle(*arguments, "--format", "dot").out.startswith("digraph")
    assert treadle(*arguments, "--format", "mermaid").out.startswith(("flowchart", "graph"))
    assert isinstance(treadle(*arguments, "--json").json, dict)


def test_graph_is_drawn_as_svg_without_another_program(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    drawn = treadle("graph", TREE, "--format", "svg")
    assert drawn.out.startswith("<svg ")
    assert "1,023 tasks" in drawn.out


def test_large_drawing_collapses_and_says_so(treadle: Treadle) -> None:
    few = treadle("graph", TREE, "--level", "instance", "--max-nodes", "600", "--format", "mermaid")
    assert "drawn together to keep within 600 nodes: leaf" in few.err
    assert '[["leaf (512)"]]' in few.out
    assert len(treadle("graph", TREE, "--level", "instance", "--json").json["nodes"]) == 1023
    assert treadle("graph", TREE, "--max-nodes", "0").code == 2


def test_plan_pins_or_leaves_flexible(treadle: Treadle) -> None:
    simple = treadle("plan", TREE, "--planner", "simple", "--workers", "3", "--json").json
    assert {one["worker"] for one in simple["instances"]} == {"w0", "w1", "w2"}
    wukong = treadle("plan", TREE, "--planner", "wukong", "--json").json
    assert {one["worker"] for one in wukong["instances"]} == {None}
    assert len(treadle("plan", TREE, "--explain").out.splitlines()) == 1023


def test_plan_shows_the_objective_and_what_is_not_executed_yet(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def f(): return 1\n")
    (tmp_path / "later.yaml").write_text(
        "spec: 1\nname: later\nsla: {percentile: 95, deadline: 90s, budget: $2}\n"
        'tasks:\n  a: {call: "functions:f", cache: true, io: none}\nresult: ${{ tasks.a }}\n'
    )
    shown = treadle("plan", "later.yaml", "--planner", "simple").out
    assert "objective         p95, deadline 1m30s, budget $2" in shown
    assert "makespan ?, cost ?" in shown
    assert "not executed yet  cache (line 5)" in shown
    data = treadle("plan", "later.yaml", "--planner", "simple", "--json").json
    assert data["sla"] == {"objective": "p95", "percentile": 95, "deadline_s": 90.0, "budget_usd": 2.0}
    assert data["outlook"] is data["critical_path"] is None
    assert data["not_executed_yet"] == [{"feature": "cache", "file": "later.yaml", "line": 5}]
    assert "not executed yet: cache (line 5)" in treadle("expand", "later.yaml").err


def test_plan_is_written_to_a_file(treadle: Treadle, tmp_path: Path) -> None:
    called = treadle("plan", TREE, "--json", "-o", tmp_path / "plan.json")
    assert json.loads((tmp_path / "plan.json").read_text()) == called.json
    assert treadle("plan", TREE, "-o", tmp_path / "no" / "plan.json").code == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--planner", "wukon"], "there is no planner `wukon`; did you mean `wukong`?"),
        (["--workers", "0"], "`workers` is 0"),
        (["--rounds", "9" * 20], "it must be at most 1000000"),
        (["--workers", "some"], "invalid int value"),
    ],
)
def test_wrong_planning_option_is_a_usage_error(treadle: Treadle, arguments: list[str], said: str) -> None:
    called = treadle("plan", TREE, *arguments)
    assert called.code == 2
    assert said in called.err


def test_build_writes_a_bundle_that_inspect_verifies(treadle: Treadle, tmp_path: Path) -> None:
    built = treadle("build", TREE, "-o", tmp_path / "out", "--json").json
    seen = treadle("inspect", tmp_path / "out", "--json").json
    assert seen["digest"] == built["digest"]
    assert seen["tasks"] == 1023
    assert "every digest verified" in treadle("inspect", tmp_path / "out").out


def test_inspect_finds_a_flipped_byte(treadle: Treadle, tmp_path: Path) -> None:
    treadle("build", TREE, "-o", tmp_path / "out")
    blob = sorted((tmp_path / "out" / "blobs" / "sha256").iterdir())[0]
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    called = treadle("inspect", tmp_path / "out")
    assert called.code == 4
    assert "error[E603]" in called.err


def test_stage_of_a_broken_manifest_shows_its_mistakes(treadle: Treadle, broken: Path) -> None:
    for verb in ("expand", "plan", "build", "run"):
        called = treadle(verb, broken)
        assert called.code == 1
        assert "broken.yaml:5:" in called.err
        assert "Traceback" not in called.err


def test_feature_that_is_not_executed_yet_is_planned_but_not_run(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def f(): return 1\n")
    (tmp_path / "later.yaml").write_text(
        'spec: 1\nname: later\ntasks:\n  a: {call: "functions:f", cache: true}\nresult: ${{ tasks.a }}\n'
    )
    assert treadle("plan", "later.yaml").code == 0
    for verb in ("build", "run"):
        called = treadle(verb, "later.yaml")
        assert called.code == 1
        assert "E513" in called.err


def test_parameter_that_does_not_exist_is_an_error_of_the_command_line(treadle: Treadle) -> None:
    called = treadle("validate", TREE, "--set", "leafs=4", "--format", "json")
    (one,) = called.json["diagnostics"]
    assert one["code"] == "E210"
    assert one["range"] is None
