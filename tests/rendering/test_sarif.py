"""SARIF: valid by the standard's own schema, and what services and editors look for in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from compiler.diagnostics import CODES, Diagnostic, Fix, Position, Related, Span
from compiler.fixes import with_fixes
from compiler.manifest.model import Source
from compiler.pipeline import check
from compiler.rendering.sarif import to_sarif

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
SCHEMA = json.loads((Path(__file__).parent / "sarif" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
PLACE = Span("flows/a b.yaml", Position(4, 5), Position(4, 8))
ONE = Diagnostic(
    code="E301",
    message="there is no task `lef`",
    span=PLACE,
    hint="write `leaf`",
    instance="sum[1]",
    bindings={"i": 1},
    more=7,
    related=(Related(span=Span("b.yaml", Position(1, 2), Position(1, 3)), message="the tasks are here"),),
    fixes=(Fix(span=PLACE, replacement="leaf"),),
)


def run_of(*diagnostics: Diagnostic) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(json.dumps(to_sarif(diagnostics), allow_nan=False))
    Draft4Validator(SCHEMA).validate(log)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    found: dict[str, Any] = run
    return found


def test_nothing_found_is_a_run_without_results() -> None:
    run = run_of()
    assert run["results"] == []
    assert run["columnKind"] == "unicodeCodePoints"


def test_every_code_is_a_rule_with_its_page() -> None:
    run = run_of(*(Diagnostic(code=code, message="m", span=None) for code in CODES))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(CODES)
    for rule in rules:
        assert rule["shortDescription"]["text"] == CODES[rule["id"]][1]
        assert rule["fullDescription"]["text"] and rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] == ("warning" if rule["id"].startswith("W") else "error")
    assert {rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"]} == {True}


def test_a_result_has_its_place_its_instance_and_its_remedy() -> None:
    (result,) = run_of(ONE)["results"]
    region = {"startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 8}
    artifact = {"uri": "flows/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
    (location,) = result["locations"]
    assert location["physicalLocation"] == {"artifactLocation": artifact, "region": region}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "sum[1]"
    assert result["message"]["text"] == "there is no task `lef`\nwrite `leaf`"
    assert (result["level"], result["occurrenceCount"]) == ("error", 8)
    assert result["relatedLocations"][0]["message"]["text"] == "the tasks are here"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == artifact
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "leaf"}}]


def test_an_error_of_the_command_line_has_no_place() -> None:
    (result,) = run_of(Diagnostic(code="E210", message="m", span=None))["results"]
    assert "locations" not in result


def test_a_denied_warning_is_an_error_of_a_rule_that_warns() -> None:
    run = run_of(replace(ONE, code="W301", is_denied=True))
    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] == "warning"


@pytest.mark.parametrize(
    ("file", "uri", "is_relative"),
    [
        ("<stdin>", "stdin", False),
        ("a.yaml", "a.yaml", True),
        ("../100%#?.yaml", "../100%25%23%3F.yaml", True),
        ("c:d.yaml", "c%3Ad.yaml", True),
        ("größe/日.yaml", "gr%C3%B6%C3%9Fe/%E6%97%A5.yaml", True),
        ("bad\udcff.yaml", "bad%FF.yaml", True),
        ("/elsewhere/a.yaml", "file:///elsewhere/a.yaml", False),
    ],
)
def test_a_path_is_a_uri(file: str, uri: str, is_relative: bool) -> None:
    (result,) = run_of(Diagnostic(code="E003", message="m", span=replace_file(file)))["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == uri
    assert ("uriBaseId" in artifact) is is_relative


def test_an_absolute_path_in_the_working_folder_is_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (result,) = run_of(Diagnostic(code="E003", message="m", span=replace_file(str(tmp_path / "a.yaml"))))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.yaml"


def replace_file(file: str) -> Span:
    return Span(file, Position(1, 1), Position(1, 1))


def test_what_the_bad_manifests_give_is_valid() -> None:
    cases = json.loads((CONFORMANCE / "bad_manifests.json").read_text(encoding="utf-8"))
    found = []
    for case in cases:
        source = Source(file=f"{case['id']}.yaml", text=case["manifest"], root=CONFORMANCE / case["root"])
        found += with_fixes(check(source, case["set"]), {source.file: source.text})
    run = run_of(*found)
    assert len(run["results"]) == len(found) >= len(cases)
    assert any("fixes" in result for result in run["results"])
