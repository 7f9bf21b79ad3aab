"""The published schema in the language server that editors use: completion, hover, and mistakes while typing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.cli.main import main
from compiler.cli.templates import TEMPLATES
from tests.editors.fields import resolved
from tests.editors.language_server import LanguageServer

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted([*ROOT.glob("tests/conformance/good/*.yaml"), *ROOT.glob("manifests/*/workflow.yaml")])

BAD = """\
spec: 2
name: Bad Name
tasks:
  g:
    call: app:greet
    timout: 3s
    timeout: 30
    retry: {max: x}
    resources: {memory: 5 gigs}
  h:
    call: app:x
    exec: [ls]
  i: {exec: [ls], where: true}
  j: {exec: [ls], on_error: retry}
  k: {args: [1]}
"""
BAD_LINES = {1, 2, 6, 7, 8, 9, 11, 12, 13, 14, 15}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `treadle init` makes it, with the schema beside the manifest."""
    folder = tmp_path_factory.mktemp("workspace")
    assert main(["init", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def modeline(folder: Path) -> str:
    first, _ = (folder / "workflow.yaml").read_text().split("\n", 1)
    assert first.startswith("# yaml-language-server: $schema=")
    return f"{first}\n"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LanguageServer]:
    with LanguageServer(folder) as running:
        yield running


@pytest.mark.parametrize("path", GOOD, ids=lambda path: "-".join(path.parts[-2:]))
def test_a_good_manifest_has_no_mistake(server: LanguageServer, modeline: str, path: Path) -> None:
    assert server.open(f"good-{path.parts[-2]}-{path.stem}.yaml", modeline + path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_init_writes_has_no_mistake(server: LanguageServer, modeline: str, template: str) -> None:
    assert server.open(f"template-{template}.yaml", modeline + TEMPLATES[template]["workflow.yaml"]) == []


def test_expressions_are_no_mistake_where_a_scalar_is_due(server: LanguageServer, modeline: str) -> None:
    text = """\
spec: 1
name: expressions
params: {n: 3, size: 1GiB}
tasks:
  g:
    call: app:greet
    timeout: ${{ params.n }}s
    retry: {max: "${{ params.n }}", jitter: "${{ 'full' }}"}
    resources: {memory: "${{ params.size }}", cpu: "${{ params.n }}", arch: "${{ 'arm64' }}"}
    worker: w${{ params.n }}
    idempotent: ${{ params.n == 3 }}
    on_error: ${{ 'skip' }}
"""
    assert server.open("expressions.yaml", modeline + text) == []


def test_mistakes_are_shown_at_their_lines(server: LanguageServer, modeline: str) -> None:
    found = server.open("bad.yaml", modeline + BAD)
    assert {one["range"]["start"]["line"] for one in found} == BAD_LINES, found
    said = {one["range"]["start"]["line"]: one["message"] for one in found}
    assert "timout" in said[6]
    assert said[2] == "This is not a name of small letters, digits and -, beginning with a letter."
    assert "call, exec, use, workflow" in said[11]


def test_completion_in_a_task_offers_its_keys_with_their_meaning(server: LanguageServer, modeline: str) -> None:
    text = modeline + "spec: 1\nname: t\ntasks:\n  g:\n    call: app:greet\n    \n"
    server.open("typing.yaml", text)
    offered = server.completions("typing.yaml", 6, 4)
    task = resolved({"$ref": "#/$defs/task"})["properties"]
    assert set(offered) >= set(task) - {"call"}
    assert all(offered[key] for key in task if key != "call")
    assert offered["timeout"] == resolved(task["timeout"])["description"]


def test_completion_offers_sections_and_the_words_of_a_choice(server: LanguageServer, modeline: str) -> None:
    text = modeline + "spec: 1\nname: t\n\ntasks:\n  g:\n    call: app:greet\n    on_error: \n"
    server.open("sections.yaml", text)
    assert {"params", "inputs", "let", "functions", "result"} <= set(server.completions("sections.yaml", 3, 0))
    assert {"fail", "skip", "continue"} <= set(server.completions("sections.yaml", 7, 14))


def test_hover_says_what_a_key_is_with_an_example(server: LanguageServer, modeline: str) -> None:
    server.open("hover.yaml", modeline + "spec: 1\nname: t\ntasks:\n  g:\n    call: app:greet\n    timeout: 3s\n")
    shown = server.hover("hover.yaml", 6, 6)
    assert resolved({"$ref": "#/$defs/timeout"})["description"] in shown
    assert "10m" in shown
