"""Plans in files: written by `plan -o`, used by `build --plan` and `run --plan`, refused where they do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.planner.strategies import STRATEGIES
from tests.cli.conftest import Treadle

MANIFEST = """\
spec: 1
name: flow
params: {n: {type: int, default: 4}}
tasks:
  f: {call: "work:f", foreach: {i: "${{ range(params.n) }}"}, args: ["${{ i }}"]}
  g: {call: "work:g", args: ["${{ tasks.f }}"], worker: mine, resources: {memory: 2GiB}}
  h: {call: "work:f", args: ["${{ tasks.g }}"], resources: {memory: {min: 1GiB, max: 4GiB}}}
result: ${{ tasks.h }}
"""


@pytest.fixture
def flow(tmp_path: Path, treadle: Treadle) -> Path:
    """It needs `treadle`, whose home is empty."""
    (tmp_path / "work.py").write_text("def f(x): return x\n\n\ndef g(x): return sum(x)\n")
    path = tmp_path / "flow.yaml"
    path.write_text(MANIFEST)
    return path


Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def kept(tmp_path: Path, treadle: Treadle, flow: Path) -> Callable[..., Path]:
    """`kept(edit)` is a plan of `flow` in a file, edited."""

    def keep(edit: Edit = lambda plan: None) -> Path:
        path = tmp_path / "plan.json"
        assert treadle("plan", flow, "--no-outlook", "-o", path).code == 0
        plan = json.loads(path.read_text())
        edit(plan)
        path.write_text(json.dumps(plan, indent=2))
        return path

    return keep


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_a_kept_plan_builds_the_same_bundle_as_its_planner(
    treadle: Treadle, flow: Path, tmp_path: Path, planner: str
) -> None:
    treadle("plan", flow, "--planner", planner, "-o", tmp_path / "plan.json")
    direct = treadle("build", flow, "--planner", planner, "-o", tmp_path / "a", "--json").json
    called = treadle("build", flow, "--plan", tmp_path / "plan.json", "-o", tmp_path / "b", "--json")
    assert called.err == ""
    assert called.json["digest"] == direct["digest"]


def test_a_written_plan_is_as_its_schema_says(treadle: Treadle, flow: Path, tmp_path: Path) -> None:
    schema = json.loads((files("schemas") / "plan-file.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for planner in ("simple", "wukong", "uniform"):
        treadle("plan", flow, "--planner", planner, "-o", tmp_path / "plan.json")
        jsonschema.validate(json.loads((tmp_path / "plan.json").read_text()), schema)


def test_a_kept_plan_is_shown_with_what_is_expected_of_it(
    treadle: Treadle, flow: Path, kept: Callable[..., Path]
) -> None:
    path = kept()
    again = treadle("plan", flow, "--plan", path, "--no-outlook", "--json").json
    assert again == json.loads(path.read_text())


def test_a_run_follows_a_kept_plan(treadle: Treadle, flow: Path, kept: Callable[..., Path]) -> None:
    called = treadle("run", flow, "--inline", "--plan", kept())
    assert called.code == 0
    assert called.out.strip() == "6"


def test_a_plan_edited_by_hand_is_used(treadle: Treadle, flow: Path, kept: Callable[..., Path], tmp_path: Path) -> None:
    def larger(plan: dict[str, Any]) -> None:
        (of_h,) = [row for row in plan["instances"] if row["name"] == "h"]
        (worker,) = [row for row in plan["workers"] if row["name"] == of_h["worker"]]
        env = {**plan["classes"][0], "memory_mb": 3000, "name": "larger"}
        plan["classes"].append(env)
        for row in (of_h, worker):
            row["class"] = "larger"

    called = treadle("build", flow, "--plan", kept(larger), "-o", tmp_path / "out")
    assert called.code == 0, called.err
    assert "3000-" in treadle("inspect", tmp_path / "out").out


def _drop(plan: dict[str, Any]) -> None:
    plan["instances"] = [row for row in plan["instances"] if not row["name"].startswith("f[")]


def _rename(plan: dict[str, Any]) -> None:
    plan["instances"][0]["name"] = "f[77]"


def _unpin(plan: dict[str, Any]) -> None:
    plan["instances"][4]["worker"] = None


def _two_sizes(plan: dict[str, Any]) -> None:
    plan["classes"].append({**plan["classes"][0], "memory_mb": 512, "name": "small"})
    plan["instances"][0]["class"] = "small"


def _too_large(plan: dict[str, Any]) -> None:
    for env in plan["classes"]:
        env["memory_mb"] = 9000 if env["memory_mb"] != 2048 else 2048


def _unknown_worker(plan: dict[str, Any]) -> None:
    plan["instances"][0]["worker"] = "w99"


def _bad_id(plan: dict[str, Any]) -> None:
    text = json.dumps(plan).replace('"w0"', '"~w0"')
    plan.update(json.loads(text))


def _no_entry(plan: dict[str, Any]) -> None:
    plan["entries"] = plan["entries"][1:]


def _other_workflow(plan: dict[str, Any]) -> None:
    plan["name"] = "other"


def _twice(plan: dict[str, Any]) -> None:
    plan["instances"].append(plan["instances"][0])


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_drop, "`f[0]` has no place in the plan"),
        (_rename, "the workflow has no instance `f[77]`"),
        (_unpin, "`g` is on any worker, the manifest pins it to mine"),
        (_two_sizes, "`f[0]` on it is small"),
        (_too_large, "`h` gets 9,000 MB, it may have 1,024 to 4,096 MB"),
        (_unknown_worker, "`f[0]` is on w99, which is not among `workers`"),
        (_bad_id, "`~w0` is no worker id"),
        (_no_entry, "starts in no entry, not in one"),
        (_other_workflow, "the plan is one of `other`, the workflow is `flow`"),
        (_twice, "`f[0]` stands twice in the plan"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_with_its_place(
    treadle: Treadle, flow: Path, kept: Callable[..., Path], edit: Edit, said: str
) -> None:
    path = kept(edit)
    for verb in ("plan", "build", "run"):
        called = treadle(verb, flow, "--plan", path)
        assert called.code == 1
        assert "error[E514 plan-mismatch]" in called.err
        assert said in called.err
        assert "plan.json:" in called.err


def test_mistakes_of_a_family_are_one_with_their_number(
    treadle: Treadle, flow: Path, kept: Callable[..., Path]
) -> None:
    called = treadle("plan", flow, "--plan", kept(_drop))
    assert called.err.count("E514") == 2, "the head of one, and where it is explained"
    assert "same mistake in 3 more instances" in called.err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '"x"', '{"schema": "1.0"}', '{"schema": 1}', "spec: 1\n", "[" * 9999]
)
def test_what_is_no_plan_is_said(treadle: Treadle, flow: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    called = treadle("plan", flow, "--plan", tmp_path / "plan.json")
    assert called.code == 1
    assert "E514" in called.err
    assert "Traceback" not in called.err


def test_garbled_plans_are_refused_without_a_traceback(
    treadle: Treadle, flow: Path, kept: Callable[..., Path], tmp_path: Path
) -> None:
    """Every value of a plan in turn becomes something of another type."""
    whole = json.loads(kept().read_text())
    for key in ("name", "planner", "graph_signature", "functions", "classes", "workers", "entries", "instances"):
        for wrong in (None, 7, "text", [1], {"a": 1}):
            if type(wrong) is not type(whole[key]):
                (tmp_path / "plan.json").write_text(json.dumps({**whole, key: wrong}))
                called = treadle("plan", flow, "--plan", tmp_path / "plan.json")
                assert called.code == 1, (key, wrong, called.err)
                assert "E514" in called.err


def test_a_plan_of_another_major_version_is_refused(treadle: Treadle, flow: Path, kept: Callable[..., Path]) -> None:
    called = treadle("plan", flow, "--plan", kept(lambda plan: plan.update(schema="2.0")))
    assert "E605" in called.err
    assert treadle("plan", flow, "--plan", kept(lambda plan: plan.update(schema="1.7", more=1))).code == 0


def test_a_missing_plan_is_said(treadle: Treadle, flow: Path) -> None:
    called = treadle("build", flow, "--plan", "nowhere.json")
    assert called.code == 4
    assert "nowhere.json" in called.err


def test_a_plan_of_other_code_is_used_and_said_to_be_stale(
    treadle: Treadle, flow: Path, kept: Callable[..., Path], tmp_path: Path
) -> None:
    path = kept()
    (tmp_path / "work.py").write_text("def f(x): return x + 1\n\n\ndef g(x): return sum(x)\n")
    called = treadle("build", flow, "--plan", path, "-o", tmp_path / "out")
    assert called.code == 0
    assert "warning[W514 stale-plan]: the code of `f`, `h` has changed since the plan was made" in called.err


def test_a_plan_with_other_params_does_not_fit(treadle: Treadle, flow: Path, kept: Callable[..., Path]) -> None:
    called = treadle("build", flow, "--plan", kept(), "--set", "n=5")
    assert "`f[4]` has no place in the plan" in called.err


@pytest.mark.parametrize("options", [["--planner", "simple"], ["--workers", "3"]])
def test_a_plan_and_a_planner_exclude_one_another(
    treadle: Treadle, flow: Path, kept: Callable[..., Path], options: list[str]
) -> None:
    called = treadle("build", flow, "--plan", kept(), *options)
    assert called.code == 2
    assert f"--plan and {options[0]} exclude one another" in called.err


def test_a_bundle_has_its_plan(treadle: Treadle, flow: Path, kept: Callable[..., Path], tmp_path: Path) -> None:
    path = kept()
    treadle("build", flow, "-o", tmp_path / "out")
    called = treadle("run", tmp_path / "out", "--plan", path)
    assert called.code == 2
    assert "--plan is decided when a bundle is built" in called.err
