"""Secrets in real runs: workers get them, and nothing that a run leaves or shows holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

VALUE = "hunter22/pa'ss wörd"

ENV = """
secrets: {key: {env: SECRET_OF_TESTS}}
inputs: {token: {type: secret}}
tasks:
  python: {call: "functions:length", env: {KEY: "${{ secrets.key }}"}}
  command: {exec: {argv: [sh, -c, 'printf %s "$KEY" | wc -c'], stdout: json}, env: {KEY: "${{ secrets.key }}"}}
  argument: {call: "functions:size", args: ["${{ inputs.token }}"]}
  variable: {call: "functions:length", env: {KEY: "${{ inputs.token }}"}}
  piped: {exec: {argv: [wc, -c], stdin: "${{ inputs.token }}", stdout: json}}
outputs:
  all:
    - ${{ tasks.python }}
    - ${{ tasks.command }}
    - ${{ tasks.argument }}
    - ${{ tasks.variable }}
    - ${{ tasks.piped }}
"""
FUNCTIONS = """
import os

def length():
    return len(os.environ["KEY"])

def size(text):
    return len(text)
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_TESTS", VALUE)


@pytest.mark.parametrize("planner", PLANNERS)
def test_tasks_get_secrets_as_variables_arguments_and_input(bench: Bench, tmp_path: Path, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, ENV, FUNCTIONS), planner)
    result: Any = bench.run(build, inputs={"token": "env:SECRET_OF_TESTS"}).result
    letters, size = len(VALUE), len(VALUE.encode())
    assert result == {"all": [letters, size, letters, letters, size]}
