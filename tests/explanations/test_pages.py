"""Every code has a page; what a page calls wrong gives that code and no other, what it calls right gives nothing."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from compiler.cli import main
from compiler.diagnostics import CODES
from compiler.explanations import Example, page
from compiler.explanations.terminal import WIDTH, render_list, render_page
from tests.explanations.examples import outcome, write

WITHOUT_EXAMPLE = {
    "E511": "about what earlier runs took, which a manifest does not show",
    "E514": "about a kept plan beside a manifest, which `--plan` names",
    "E601": "packages are built for a target, not from a manifest alone",
    "E602": "about `treadle.lock` beside a manifest, which `--frozen` compares",
    "E604": "about two processes that pickle one callable",
    "E605": "about bundles, plans and payloads of another version",
    "E606": "about bytes that come back from a store",
    "E900": "a bug, which no example shows for long",
    "W502": "about what earlier runs took, which a manifest does not show",
    "W511": "`validate` makes no plan",
    "W512": "about what earlier runs took, which a manifest does not show",
    "W514": "about a kept plan beside a manifest, which `--plan` names",
}
"""The codes that no manifest provokes, each with the reason. The list is closed: every other page has an example."""

CONTRACT = """\
E001 not-found · E002 encoding · E003 yaml-syntax · E004 tab-indent · E005 duplicate-key · E006 merge-key
E007 alias-budget · E008 multi-document · E009 root-not-mapping · E010 explicit-tag · E011 too-deep
E012 too-large · E013 non-string-key · E014 leading-zero-int · E015 non-finite
E101 missing-key · E102 unknown-key · E103 wrong-type · E104 bad-enum · E105 exclusive-keys · E106 spec-version
E107 bad-identifier · E108 out-of-range · E109 bad-duration · E110 bad-size · E111 reserved-name · E112 empty
E113 bad-function-ref · E114 foreign-key
E201 expr-syntax · E202 unterminated-expr · E203 undefined-name · E204 forbidden-construct
E205 unknown-function · E206 expr-type · E207 expr-budget · E208 param-value · E209 param-required
E210 unknown-set · E211 bare-jinja · E212 circular-let · E213 div-zero · E214 runtime-value-at-compile-time
E215 secret-misuse · E216 ref-in-string
E301 unknown-task · E302 cycle · E303 self-reference · E304 no-such-instance · E305 computed-task-name
E306 bad-rank · E309 duplicate-key-value · E310 empty-foreach · E311 not-iterable · E312 expansion-limit
E313 unbounded-fanout · E314 include-conflict · E315 unknown-output · E316 unknown-import · E317 import-cycle
E401 module-not-found · E402 function-not-found · E403 signature-mismatch · E404 requirements-missing
E405 executable-missing · E406 python-syntax · E407 dynamic-import · E408 path-escape · E409 unsupported-python
E410 requirement-invalid
E501 memory-range · E502 timeout-range · E503 pin-conflict · E505 optimization-conflict · E506 sla-invalid
E507 io-invalid · E508 payload-too-large · E509 tmp-range · E510 undeclared-worker · E511 sla-unsatisfiable
E512 concurrency-limit · E513 not-executable-yet · E514 plan-mismatch
E601 package-too-large · E602 lock-drift · E603 digest-mismatch · E604 nondeterministic-input
E605 artifact-schema-version · E606 signature-invalid
W014 ambiguous-scalar · W301 dead-task · W302 many-sinks · W303 width-1-foreach · W304 huge-fan-in
W408 unpinned-requirement · W502 timeout-predicted · W505 no-effect-optimization
W506 missing-io-hint-under-sla · W508 payload-over-half · W511 sla-guessed · W512 few-samples · W514 stale-plan
E900 internal-error
"""
"""Codes and slugs as the reference of the language has them."""

EXAMPLES = sorted(CODES.keys() - WITHOUT_EXAMPLE.keys())


@pytest.mark.parametrize("code", sorted(CODES))
def test_page_explains_and_has_both_examples_unless_no_manifest_can_show_it(code: str) -> None:
    one = page(code)
    assert (one.slug, one.title) == CODES[code]
    assert len(one.text.split()) >= 20
    has_example = code not in WITHOUT_EXAMPLE
    assert (one.wrong is not None, one.right is not None) == (has_example, has_example)


def test_codes_are_those_of_the_reference() -> None:
    written = dict(entry.split(" ") for entry in CONTRACT.replace("\n", " · ").split(" · ") if entry)
    assert {code: slug for code, (slug, _) in CODES.items()} == written


def test_no_page_is_left_of_a_code_that_is_gone() -> None:
    pages = {
        path.name.removesuffix(".md") for path in files("compiler.explanations").iterdir() if path.name[-3:] == ".md"
    }
    assert pages == set(CODES)


@pytest.mark.parametrize("code", EXAMPLES)
def test_wrong_example_gives_the_code_where_it_is_marked(code: str, tmp_path: Path) -> None:
    example = _example(page(code).wrong)
    found = outcome(example, tmp_path)
    assert {one.code for one in found} == {code}, found
    marked = {(file.name, file.line) for file in example.files if file.line}
    assert {(one.file, one.line) for one in found if one.line} == marked, found


@pytest.mark.parametrize("code", EXAMPLES)
def test_right_example_gives_nothing_at_all(code: str, tmp_path: Path) -> None:
    assert outcome(_example(page(code).right), tmp_path) == []


@pytest.mark.parametrize("code", ["E001", "E002", "E012", "E210", "E304", "E403", "E513", "W302"])
def test_command_line_finds_what_the_pipeline_finds(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = _example(page(code).wrong)
    write(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    main([*shlex.split(example.command)[1:], "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert {one["code"] for one in answer["diagnostics"]} == {code}


def test_pages_fit_a_terminal_and_are_coloured_on_one_alone() -> None:
    for code in CODES:
        for line in render_page(page(code)).splitlines():
            assert len(line) <= WIDTH, f"{code}: {line}"
            assert "\x1b" not in line
        assert render_page(page(code), colour=True).startswith(f"\x1b[1m{code} ")


def test_list_has_a_line_for_each_code() -> None:
    lines = render_list().splitlines()
    assert [line.split()[:2] for line in lines] == [[code, CODES[code][0]] for code in sorted(CODES)]
    assert max(map(len, lines)) <= WIDTH


def test_pages_are_shipped_with_the_package() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "explanations/*.md" in project["tool"]["setuptools"]["package-data"]["compiler"]


def test_pages_name_only_codes_that_exist() -> None:
    for code in CODES:
        named = set(re.findall(r"\b[EW]\d{3}\b", page(code).text))
        assert named <= set(CODES), code


def _example(example: Example | None) -> Example:
    assert example is not None
    return example
