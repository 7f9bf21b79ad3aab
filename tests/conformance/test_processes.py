"""The contract as a user meets it: each case as `treadle validate FILE --format json`, a process beside its modules.

All but every tenth case carry the mark `slow`. The six good manifests stand beside their modules in
`manifests/` or not at all, so that they are checked to the level of the graph.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((HERE / "bad_manifests.json").read_text(encoding="utf-8"))
GOOD = sorted((HERE / "good").glob("*.yaml"))


def validate(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and what the command prints; nothing may go to standard error but its summary."""
    command = [sys.executable, "-m", "compiler.cli", "validate", *arguments, "--format", "json"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def found_in(report: dict[str, Any]) -> list[tuple[str, int]]:
    return sorted((one["code"], one["range"]["start"]["line"] if one["range"] else 0) for one in report["diagnostics"])


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if at % 10 == 0 else pytest.mark.slow) for at, case in enumerate(CASES)],
    ids=lambda case: f"{case['id']} {case['title']}",
)
def test_every_case(case: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(HERE / case["root"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "workflow.yaml").write_text(case["manifest"] or "", encoding="utf-8")
    settings = [text for name, value in case["set"].items() for text in ("--set", f"{name}={value}")]
    status, report = validate(tmp_path, "workflow.yaml", *settings)
    found = found_in(report)
    wanted = sorted((one["code"], one["line"]) for one in case["expect"] if one["line"] is not None)
    assert [one for one in found if one in wanted] == wanted, found
    assert sorted(code for code, _ in found) == sorted(one["code"] for one in case["expect"]), found
    assert status == (1 if any(code.startswith("E") for code, _ in found) else 0)


@pytest.mark.slow
@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_every_good_manifest(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path)
    status, report = validate(tmp_path, path.name, "--level", "graph")
    assert (status, report["counts"]["error"]) == (0, 0), report
