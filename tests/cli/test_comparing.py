"""`treadle plan --compare`: planners side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.diagnostics import Diagnostic, ManifestError
from compiler.planner.strategies import STRATEGIES
from tests.cli.conftest import Treadle
from tests.cli.remembering import remember

TEN = [[0.5 + number / 100] for number in range(10)]


@pytest.fixture
def fan(tmp_path: Path, treadle: Treadle) -> Path:
    """Six tasks of half a second and one after them; it needs `treadle`, whose home is empty."""
    (tmp_path / "work.py").write_text("def f(x): return x\n\n\ndef g(x): return x\n")
    path = tmp_path / "fan.yaml"
    path.write_text(
        "spec: 1\nname: fan\nsla: {percentile: 97}\ntasks:\n"
        '  f: {call: "work:f", foreach: {i: "${{ range(6) }}"}, args: ["${{ i }}"]}\n'
        '  g: {call: "work:g", args: ["${{ tasks.f }}"]}\n'
        "result: ${{ tasks.g }}\n"
    )
    return path


def test_every_planner_has_its_figures_by_name(treadle: Treadle, fan: Path) -> None:
    remember(fan, {"f": TEN, "g": TEN})
    data = treadle("plan", fan, "--compare", "all", "--json").json
    assert sorted(data) == sorted(STRATEGIES)
    for one in data.values():
        makespans = [one["makespan_s"][name] for name in ("p50", "p90", "p95", "p97", "p99")]
        assert makespans == sorted(makespans)
        assert one["objective_s"] == one["makespan_s"]["p97"]
        assert {"cost_usd", "workers", "cold_starts", "bytes_moved", "planning_s"} <= one.keys()
        assert one["samples"] == 10


def test_the_same_plan_has_the_same_figures_alone_and_compared(treadle: Treadle, fan: Path) -> None:
    remember(fan, {"f": TEN, "g": TEN})
    compared = treadle("plan", fan, "--compare", "wukong,simple", "--json").json
    alone = treadle("plan", fan, "--planner", "simple", "--json").json["outlook"]
    assert {name: compared["simple"][name] for name in alone} == alone
    assert list(compared) == ["wukong", "simple"]


def test_the_best_of_a_column_is_marked_and_the_table_fits(
    treadle: Treadle, fan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(fan, {"f": TEN, "g": TEN})
    for columns in ("80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        shown = treadle("plan", fan, "--compare", "simple,wukong").out
        assert "* the least of its column" in shown
        assert "[P97]" in shown
        assert max(map(len, shown.splitlines())) <= int(columns)


def test_what_nobody_knows_is_a_question_mark_in_the_table(treadle: Treadle, fan: Path) -> None:
    shown = treadle("plan", fan, "--compare", "simple,wukong")
    assert shown.code == 0
    assert "?: tasks have never run" in shown.out
    data = treadle("plan", fan, "--compare", "simple,wukong", "--json").json
    assert data["simple"]["makespan_s"] is None


def test_planners_are_compared_on_defaults_where_one_has_nothing_else(treadle: Treadle, fan: Path) -> None:
    data = treadle("plan", fan, "--compare", "simple,uniform", "--json").json
    assert [one["samples"] for one in data.values()] == [0, 0]
    shown = treadle("plan", fan, "--compare", "simple,uniform").out
    assert "rest on hints and defaults: nothing of this has run so far" in shown


def test_a_planner_that_finds_no_plan_says_why_in_its_row(
    treadle: Treadle, fan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(problem: object) -> None:
        raise ManifestError((Diagnostic(code="E511", message="the deadline is too near", span=None),))

    monkeypatch.setitem(STRATEGIES, "stern", refuse)  # type: ignore[arg-type]
    remember(fan, {"f": TEN, "g": TEN})
    called = treadle("plan", fan, "--compare", "simple,stern")
    assert called.code == 0
    assert "stern: no plan: E511: the deadline is too near" in called.out
    data = treadle("plan", fan, "--compare", "simple,stern", "--json").json
    assert data["stern"]["diagnostics"][0]["code"] == "E511"
    assert treadle("plan", fan, "--compare", "stern").code == 1


def test_plans_that_miss_the_objective_have_figures_and_the_reason(treadle: Treadle, fan: Path) -> None:
    fan.write_text(fan.read_text().replace("{percentile: 97}", "{percentile: 97, deadline: 1ms}"))
    remember(fan, {"f": TEN, "g": TEN})
    called = treadle("plan", fan, "--compare", "simple,wukong")
    assert called.code == 1
    assert "E511: `simple` is predicted to take" in called.out
    data = treadle("plan", fan, "--compare", "simple,wukong", "--json").json
    assert data["wukong"]["makespan_s"]["p97"] > 1
    assert data["wukong"]["diagnostics"][0]["code"] == "E511"


def test_few_samples_are_said_once(treadle: Treadle, fan: Path) -> None:
    remember(fan, {"f": TEN, "g": TEN})
    assert treadle("plan", fan, "--compare", "simple,wukong").err.count("warning[W512") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--compare", "wukon"], "there is no planner `wukon`; did you mean `wukong`?"),
        (["--compare", ","], "--compare names no planner"),
        (["--compare", "all", "--planner", "simple"], "--compare and --planner exclude one another"),
        (["--compare", "all", "-o", "plan.json"], "--compare and -o exclude one another"),
        (["--compare", "all", "--tasks"], "--compare and --tasks exclude one another"),
    ],
)
def test_a_wrong_comparison_is_a_usage_error(treadle: Treadle, fan: Path, arguments: list[str], said: str) -> None:
    called = treadle("plan", fan, *arguments)
    assert called.code == 2
    assert said in called.err
