"""The contract: six good manifests, and 77 bad ones with the codes and lines that each must give, no more and no less.

All of them are in reach: none is left out, and a case that goes missing fails the count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from compiler.diagnostics import Diagnostic, Severity
from compiler.manifest.load import load_tree
from compiler.manifest.model import Source
from compiler.manifest.parse import check_manifest
from compiler.pipeline import check

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((HERE / "bad_manifests.json").read_text(encoding="utf-8"))
GOOD = sorted((HERE / "good").glob("*.yaml"))
BY_GROUP = {name: [case for case in CASES if case["group"] == name] for name in ("yaml", "schema", "expr")}


def case_source(case: dict[str, Any]) -> Source:
    return Source(file="workflow.yaml", text=case["manifest"], root=HERE / case["root"])


def run(case: dict[str, Any]) -> list[Diagnostic]:
    return check(case_source(case), case["set"], level="plan")


def matches(found: Sequence[Diagnostic], expected: Sequence[dict[str, Any]]) -> bool:
    """Whether codes and lines are those expected: line 0 is the command line, null any line."""
    if len(found) != len(expected):
        return False
    left = [(one.code, one.span.start.line if one.span else 0) for one in found]
    for want in sorted(expected, key=lambda one: one["line"] is None):
        hit = next((one for one in left if one[0] == want["code"] and want["line"] in (None, one[1])), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def shown(found: Sequence[Diagnostic]) -> list[str]:
    return [f"{one.code} line {one.span.start.line if one.span else 0}: {one.message}" for one in found]


def test_every_case_is_here() -> None:
    assert (len({case["id"] for case in CASES}), len(GOOD)) == (77, 6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}")
def test_bad_manifest(case: dict[str, Any]) -> None:
    found = run(case)
    assert matches(found, case["expect"]), shown(found)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_manifest(path: Path) -> None:
    found = check(path, level="graph")
    assert not [one for one in found if one.severity is Severity.ERROR], shown(found)


@pytest.mark.parametrize("case", BY_GROUP["yaml"], ids=lambda case: f"{case['id']} {case['title']}")
def test_both_yaml_parsers_agree(case: dict[str, Any]) -> None:
    fast, slow = (load_tree(case_source(case), pure=pure)[1] for pure in (False, True))
    assert [(one.code, one.span and one.span.start.line) for one in fast] == [
        (one.code, one.span and one.span.start.line) for one in slow
    ]


@pytest.mark.parametrize("group", ["yaml", "schema"])
def test_the_front_half_alone_finds_its_groups(group: str) -> None:
    wrong = [
        case["id"] for case in BY_GROUP[group] if not matches(check_manifest(case_source(case))[1], case["expect"])
    ]
    assert not wrong
