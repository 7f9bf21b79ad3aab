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
    "E511": "no plan is made before `plan`, and no planner predicts yet",
    "E601": "packages are built for a target, not from a manifest alone",
    "E602": "about `treadle.lock` beside a manifest, which `--frozen` compares",
    "E604": "about two processes that pickle one callable",
    "E605": "about bundles, plans and payloads of another version",
    "E606": "about bytes that come back from a store",
    "E900": "a bug, which no example shows for long",
}
"""The codes that no manifest provokes, each with the reason. The list is closed: every other page has an example."""

EXAMPLES = sorted(CODES.keys() - WITHOUT_EXAMPLE.keys())


@pytest.mark.parametrize("code", sorted(CODES))
def test_page_explains_and_has_both_examples_unless_no_manifest_can_show_it(code: str) -> None:
    one = page(code)
    assert (one.slug, one.title) == CODES[code]
    assert len(one.text.split()) >= 20
    has_example = code not in WITHOUT_EXAMPLE
    assert (one.wrong is not None, one.right is not None) == (has_example, has_example)


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
