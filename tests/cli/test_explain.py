"""`treadle explain`: every code that a diagnostic can have is explained, an unknown one is a usage error."""

from __future__ import annotations

import json

import pytest

from compiler.cli import main
from compiler.diagnostics import CODES


@pytest.mark.parametrize("word", ["E304", "e304", "no-such-instance", "No-Such-Instance"])
def test_a_code_is_explained_by_number_or_name_in_either_case(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 0
    out = capsys.readouterr().out
    assert out.startswith("E304 no-such-instance: a family has no instance of this key\n")
    assert "\nWrong\n" in out and "\nRight\n" in out
    assert "\x1b" not in out


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 0
    assert {entry["code"] for entry in json.loads(capsys.readouterr().out)} == set(CODES)


def test_json_holds_the_page_with_the_files_of_its_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E403", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert list(page) == ["code", "slug", "title", "text", "wrong", "right"]
    assert page["wrong"]["command"] == "treadle validate workflow.yaml"
    assert set(page["wrong"]["files"]) == {"workflow.yaml", "steps.py"}


def test_a_code_without_an_example_has_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E900", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["wrong"] is page["right"] is None and "bug" in page["text"]


@pytest.mark.parametrize(("word", "near"), [("E3044", "E304"), ("no-such-instanze", "no-such-instance")])
def test_an_unknown_code_is_a_usage_error_with_a_suggestion(
    word: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", word]) == 2
    assert f"did you mean `{near}`?" in capsys.readouterr().err
