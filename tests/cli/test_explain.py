"""`treadle explain`: every code that a diagnostic can have is explained, an unknown one is a usage error."""

from __future__ import annotations

import json

import pytest

from compiler.cli import main
from compiler.diagnostics import CODES


def test_a_code_is_explained_in_either_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "e304"]) == 0
    assert capsys.readouterr().out.startswith("E304 no-such-instance: ")


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 0
    assert {entry["code"] for entry in json.loads(capsys.readouterr().out)} == set(CODES)


def test_an_unknown_code_is_a_usage_error_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E3044"]) == 2
    assert "did you mean `E304`?" in capsys.readouterr().err
