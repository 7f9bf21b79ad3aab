"""`treadle diff`: plans in files, bundles and manifests in any combination."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import MANIFESTS, Treadle
from tests.cli.remembering import remember

TREE = MANIFESTS / "tree_reduction" / "workflow.yaml"
SMALL = (TREE, "--set", "leaves=8", "--workers", "2", "--planner", "simple")


@pytest.fixture
def old(treadle: Treadle, tmp_path: Path) -> Path:
    assert treadle("plan", *SMALL, "-o", tmp_path / "old.json").code == 0
    return tmp_path / "old.json"


def test_a_plan_its_bundle_and_its_manifest_are_the_same(treadle: Treadle, old: Path, tmp_path: Path) -> None:
    treadle("build", *SMALL, "-o", tmp_path / "out")
    options = SMALL[1:]
    for pair in ((old, tmp_path / "out"), (tmp_path / "out", TREE), (TREE, old), (old, old)):
        called = treadle("diff", *pair, *options)
        assert called.code == 0, called.out
        assert "the same: 15 tasks" in called.out


def test_what_moved_is_told_by_pair_of_workers(treadle: Treadle, old: Path, tmp_path: Path) -> None:
    treadle("plan", TREE, "--set", "leaves=8", "--planner", "wukong", "-o", tmp_path / "new.json")
    called = treadle("diff", old, tmp_path / "new.json")
    assert called.code == 3
    assert "simple → wukong" in called.out
    assert "15 of 15 tasks" in called.out
    assert "w0 → any worker" in called.out
    data = treadle("diff", old, tmp_path / "new.json", "--json").json
    assert data["equal"] is False
    assert sum(len(one["instances"]) for one in data["moved"]) == 15
    assert data["workers_removed"] == ["w0", "w1"]
    assert data["old"] == {"file": str(old), "kind": "plan", "name": "tree-reduction", "planner": "simple"}


def test_instances_that_came_and_went_are_told(treadle: Treadle, old: Path) -> None:
    called = treadle("diff", old, TREE, "--set", "leaves=16", "--workers", "2")
    assert called.code == 3
    assert "new        16: " in called.out
    assert "and 4 more" in called.out


def test_figures_of_both_stand_side_by_side(treadle: Treadle, tmp_path: Path) -> None:
    ten = [[0.1 + number / 1000] for number in range(10)]
    assert treadle("plan", *SMALL, "-o", tmp_path / "old.json").code == 0
    (tmp_path / "tree.py").write_text((TREE.parent / "tree.py").read_text())
    small = tmp_path / "small.yaml"
    small.write_text(TREE.read_text())
    remember(small, {"leaf": ten, "add": ten})
    treadle("plan", small, *SMALL[1:], "-o", tmp_path / "new.json")
    called = treadle("diff", tmp_path / "old.json", tmp_path / "new.json")
    assert called.code == 0, "expected figures alone make no difference"
    assert "EXPECTED" in called.out
    data = treadle("diff", tmp_path / "old.json", tmp_path / "new.json", "--json").json
    assert data["figures"]["p95"]["old"] is None
    assert data["figures"]["p95"]["new"] > 0.4


@pytest.mark.parametrize("width", ["60", "120"])
def test_a_difference_fits_the_terminal(
    treadle: Treadle, old: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    _, _, body = treadle("diff", old, TREE, "--set", "leaves=64").out.partition("\n")
    assert max(map(len, body.splitlines())) <= int(width)


def test_what_cannot_be_compared_is_said(treadle: Treadle, old: Path, tmp_path: Path) -> None:
    assert treadle("diff", old).code == 2
    assert treadle("diff", old, "nowhere.json").code == 4
    assert treadle("diff", "-", "-").code == 2
    (tmp_path / "bad.json").write_text("{}")
    assert "E514" in treadle("diff", old, "bad.json").err
