"""What a mistyped name was meant to be: in the contract's cases that ask for it, and in each kind of name."""

from __future__ import annotations

import pytest
from compiler.manifest.source import decode_source
from compiler.pipeline import check
from tests.conformance.own import HEAD, OWN_ROOT
from tests.conformance.test_conformance import CASES, run

MEANT = {
    **{"C030": "requirements", "C031": "timeout", "C043": "full", "C045": "preload", "C056": "width", "C061": "length"},
    **{"C071": "g", "C074": "add", "C096": "greet", "C098": "shout", "C107": "w_fit", "C033": "foreach"},
}

NAMES = {
    "a param": ("params: {leaves: 4}\ntasks: {g: {call: 'app:g', args: ['${{ params.leafs }}']}}", "leaves"),
    "an input": ("inputs: {source: {type: str}}\ntasks: {g: {call: 'app:g', args: ['${{ inputs.sorce }}']}}", "source"),
    "a secret": ("secrets: {key: {env: K}}\ntasks: {g: {call: 'app:g', env: {A: '${{ secrets.kye }}'}}}", "key"),
    "a task in after": ("tasks:\n  fetch: {call: 'app:g'}\n  g: {call: 'app:g', after: [fecth]}", "fetch"),
    "a task in extends": ("tasks:\n  fetch: {call: 'app:g'}\n  g: {extends: fech}", "fetch"),
    "an output": ("tasks:\n  s: {call: 'app:g', outputs: [train]}\nresult: ${{ tasks.s.tran }}", "train"),
    "an import": ("imports: {etl: a.yaml}\ntasks:\n  s: {workflow: elt}", "etl"),
    "a module": ("tasks: {g: {call: 'ap:g'}}", "app"),
    "a file": ("tasks: {g: {call: 'steps/cleen.py:run'}}", "steps/clean.py"),
    "a function of the language": ("tasks: {g: {call: 'app:g', args: ['${{ rnage(3) }}']}}", "range"),
    "a type": ("params: {n: {type: integer, default: 1}}\ntasks: {g: {call: 'app:g'}}", "int"),
    "a key of retry": ("tasks: {g: {call: 'app:g', retry: {max: 1, dealy: 1s}}}", "delay"),
    "another system's key": ("tasks: {g: {call: 'app:g', depends_on: []}}", "after"),
    "a key of a dict": ("let: {d: {width: 1}}\ntasks: {g: {call: 'app:g', args: ['${{ d.widht }}']}}", "width"),
}


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in MEANT], ids=lambda case: case["title"])
def test_a_case_of_the_contract_says_what_was_meant(case: dict[str, object]) -> None:
    (found,) = run(case)
    assert f"`{MEANT[str(case['id'])]}`" in found.hint


@pytest.mark.parametrize("name", NAMES)
def test_the_hint_names_what_was_meant(name: str) -> None:
    text, meant = NAMES[name]
    (found,) = check(decode_source((HEAD + text).encode(), "workflow.yaml", OWN_ROOT))
    assert meant in found.hint.replace("`", " ").split()
