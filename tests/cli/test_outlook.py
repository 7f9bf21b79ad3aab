"""What `treadle plan` says of a plan's future: makespan, cost, critical path, each task's predictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Treadle
from tests.cli.remembering import Change, remember

TEN = [[1.0 + number / 50] for number in range(10)]


@pytest.fixture
def diamond(tmp_path: Path, treadle: Treadle) -> Path:
    """a -> b, c -> d. It needs `treadle`, whose home is empty."""
    (tmp_path / "work.py").write_text(
        "def a(): return 1\n\n\ndef b(x): return 2\n\n\ndef c(x): return 3\n\n\ndef d(x, y): return 4\n"
    )
    path = tmp_path / "diamond.yaml"
    path.write_text(
        "spec: 1\nname: diamond\nsla: {percentile: 95}\ntasks:\n"
        '  a: {call: "work:a"}\n'
        '  b: {call: "work:b", args: ["${{ tasks.a }}"]}\n'
        '  c: {call: "work:c", args: ["${{ tasks.a }}"]}\n'
        '  d: {call: "work:d", args: ["${{ tasks.b }}", "${{ tasks.c }}"]}\n'
        "result: ${{ tasks.d }}\n"
    )
    return path


def test_the_longest_time_of_all_is_as_long_as_anything_that_is_known(treadle: Treadle, diamond: Path) -> None:
    diamond.write_text(diamond.read_text().replace("percentile: 95", "percentile: 100"))
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN})
    for planner in ("treadle", "non-uniform", "simple"):
        found = treadle("plan", diamond, "--planner", planner, "--json").json["outlook"]
        assert found["makespan_s"]["p99"] <= found["objective_s"] < 60


def test_what_has_run_is_predicted(treadle: Treadle, diamond: Path) -> None:
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN})
    shown = treadle("plan", diamond).out
    assert "[p95 " in shown
    assert "10 samples of each function at least, 10 runs" in shown
    assert "Step Functions would take $0.000100 for 4 transitions alone" in shown
    data = treadle("plan", diamond, "--json").json
    makespans = [data["outlook"]["makespan_s"][name] for name in ("p50", "p90", "p95", "p99")]
    assert makespans == sorted(makespans)
    assert data["outlook"]["objective_s"] == data["outlook"]["makespan_s"]["p95"]
    assert 3.0 < makespans[0] < 6.0
    path = data["critical_path"]
    assert path["tasks"][0] == "a" and path["tasks"][-1] == "d"
    ends = [step["start_s"] + step["seconds"] for step in path["steps"]]
    assert sum(path["seconds"].values()) == pytest.approx(ends[-1])
    assert [one["from"] for one in data["tasks"]] == ["10 samples"] * 4
    assert data["instances"][0]["median_s"] == pytest.approx(1.09, rel=0.05)


def test_what_nobody_knows_is_a_question_mark_and_never_nothing(treadle: Treadle, diamond: Path) -> None:
    shown = treadle("plan", diamond, "--planner", "simple").out
    assert "makespan ?, cost ? (no run has been measured)" in shown
    assert "critical path" not in shown
    remember(diamond, {"a": TEN})
    shown = treadle("plan", diamond, "--planner", "simple").out
    assert "makespan ?, cost ? (3 of 4 tasks have never run)" in shown
    assert "10 samples" in shown
    data = treadle("plan", diamond, "--planner", "simple", "--json").json
    assert data["outlook"] is None
    assert [one["median_s"] is None for one in data["tasks"]] == [False, True, True, True]
    assert [one["input_bytes"] is None for one in data["tasks"]] == [False, False, False, True]


def test_the_plan_alone_looks_nothing_up(treadle: Treadle, diamond: Path) -> None:
    remember(diamond, {"a": TEN})
    shown = treadle("plan", diamond, "--no-outlook")
    assert "predictions" not in shown.out
    assert treadle("plan", diamond, "--no-outlook", "--json").json["tasks"] is None
    assert treadle("plan", diamond, "--no-outlook", "--tasks").code == 2


def test_a_history_out_of_reach_is_said_and_the_plan_is_shown(treadle: Treadle, diamond: Path) -> None:
    called = treadle("plan", diamond, "--config", "redis_url=redis://127.0.0.1:1")
    assert called.code == 0
    assert "4 tasks" in called.out
    assert called.err.count("the history is out of reach") == 1
    built = treadle("build", diamond, "--config", "redis_url=redis://127.0.0.1:1")
    assert built.code == 0
    assert built.err.count("the history is out of reach") == 1


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_nothing_is_wider_than_the_terminal(
    treadle: Treadle, diamond: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN})
    monkeypatch.setenv("COLUMNS", columns)
    _, _, path = treadle("plan", diamond).out.partition("rests on")
    assert max(map(len, path.splitlines()[1:])) <= int(columns)


def test_long_lists_are_cut_and_tasks_shows_all(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("def f(*a): return 1\n")
    tasks = "".join(f'  t{number}: {{call: "work:f"}}\n' for number in range(30))
    (tmp_path / "wide.yaml").write_text(f"spec: 1\nname: wide\ntasks:\n{tasks}outputs: {{t: '${{{{ tasks.t0 }}}}'}}\n")
    assert "… and 10 more" in treadle("plan", "wide.yaml").out
    assert "… and" not in treadle("plan", "wide.yaml", "--tasks").out


def test_a_plan_is_drawn_with_and_without_a_history(treadle: Treadle, diamond: Path, tmp_path: Path) -> None:
    assert treadle("plan", diamond, "--planner", "simple", "--picture", tmp_path / "unknown.svg").code == 0
    assert "nothing is known of its time" in (tmp_path / "unknown.svg").read_text()
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN})
    refused = treadle("plan", diamond, "--picture", tmp_path / "plan.png")
    assert refused.code == 2 and "pictures are SVG" in refused.err
    shown = treadle("plan", diamond, "--picture", tmp_path / "known.svg").out
    assert "timeline" in shown
    drawn = (tmp_path / "known.svg").read_text()
    assert drawn.startswith("<svg ")
    assert "simulated" in drawn
    assert treadle("plan", diamond, "--picture", tmp_path / "no" / "plan.svg").code == 4


def _cut(data: bytes) -> bytes:
    return data[:-3]


def _newer(data: bytes) -> bytes:
    return data.replace(b"treadle history ", b"treadle history 9", 1)


@pytest.mark.parametrize(
    ("change", "said"), [(_cut, "damaged and left out"), (_newer, "written by a newer treadle left out")]
)
def test_a_history_that_cannot_be_read_is_left_out_and_said_once(
    treadle: Treadle, diamond: Path, change: Change, said: str
) -> None:
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN}, change=change)
    for verb in (["plan"], ["build"], ["plan", "--compare", "simple,wukong"]):
        called = treadle(*verb, diamond)
        assert called.code == 0
        assert called.err.count(said) == 1
    assert "makespan ?" in treadle("plan", diamond, "--planner", "simple").out
    (note,) = treadle("plan", diamond, "--json").json["history_notes"]
    assert said in note


def test_tasks_that_have_changed_since_they_ran_are_named(treadle: Treadle, diamond: Path) -> None:
    other = {"a": "f" * 64, "c": "e" * 64}
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN}, signature="0" * 16, fingerprints=other)
    called = treadle("plan", diamond)
    assert "warning: `a`, `c` have changed since the last run" in called.err
    rows = treadle("plan", diamond, "--json").json["tasks"]
    assert [one["from"] for one in rows] == ["default", "10 samples", "default", "default"]
    remember(diamond, {"a": TEN, "b": TEN, "c": TEN, "d": TEN})
    assert "since the last run" not in treadle("plan", diamond).err
