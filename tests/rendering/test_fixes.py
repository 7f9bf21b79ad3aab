"""Edits: each one that is offered does away with its diagnostic, and none is offered where that is not certain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics import Diagnostic, Fix, Position, Span
from compiler.fixes import MAX_TEXT, apply_fixes, with_fixes
from compiler.manifest.model import Source
from compiler.pipeline import check

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
CASES: list[dict[str, Any]] = json.loads((CONFORMANCE / "bad_manifests.json").read_text(encoding="utf-8"))
HEAD = "spec: 1\nname: t\nparams: {x: 1}\n"
CALL = "call: app:greet, args: [a]"


def found_in(text: str, settings: dict[str, object] | None = None) -> list[Diagnostic]:
    source = Source(file="workflow.yaml", text=text, root=CONFORMANCE / "fx")
    return with_fixes(check(source, settings), {source.file: text})


def fixed(text: str) -> str:
    """The text with every edit that is offered made."""
    return apply_fixes(text, [fix for one in found_in(text) for fix in one.fixes])


def identities(found: Sequence[Diagnostic]) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}")
def test_an_edit_that_is_offered_does_away_with_its_diagnostic(case: dict[str, Any]) -> None:
    text = case["manifest"]
    for one in found_in(text, case["set"]):
        if one.fixes:
            after = found_in(apply_fixes(text, one.fixes), case["set"])
            assert (one.code, one.message) not in identities(after)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        # a word mistaken for another
        (f"tasks:\n  g: {{{CALL}, timout: 3s}}\n", "timeout: 3s"),
        (f"tasks:\n  g: {{{CALL}, 'timout': 3s}}\n", "'timeout': 3s"),
        (f"tasks:\n  g: {{{CALL}}}\n  h: {{{CALL}, after: [gg]}}\n", "after: [g]"),
        ("functions: {add: {call: app:greet}}\ntasks:\n  g: {use: ad, args: [a]}\n", "use: add"),
        ("tasks:\n  g: {call: app:gret, args: [a]}\n", "app:greet"),
        ("tasks:\n  g: {call: app:greet, args: ['${{ params.y }}']}\n", "${{ params.x }}"),
        ("tasks:\n  g: {call: app:greet, args: ['${{ lenn([1]) }}']}\n", "${{ len([1]) }}"),
        ("tasks:\n  g: {call: app:greet, args: ['${{ [1] | lenght }}']}\n", "[1] | length"),
        # another system's word
        (f"tasks:\n  g: {{{CALL}}}\n  h: {{{CALL}, depends_on: [g]}}\n", "after: [g]"),
        (f"tasks:\n  g: {{{CALL}, retries: 3}}\n", "retry: 3"),
        ("tasks:\n  g: {command: [ls, -l]}\n", "exec: [ls, -l]"),
        # quotes and dollars
        ("tasks:\n  g: {call: app:greet, args: [{{ params.x }}]}\n", 'args: ["${{ params.x }}"]'),
        ("tasks:\n  g:\n    call: app:greet\n    args:\n      - {{ params.x }}  # one\n", '- "${{ params.x }}"  # one'),
        ("tasks:\n  g: {call: app:greet, args: [${{ params.x }}]}\n", 'args: ["${{ params.x }}"]'),
        ("tasks:\n  g: {call: app:greet, with: {name: ${{ params.x }}}}\n", 'name: "${{ params.x }}"}'),
        (f"labels: {{a: 5}}\ntasks:\n  g: {{{CALL}}}\n", 'a: "5"'),
        ("tasks:\n  g: {call: app:greet, args: [{1: 2}]}\n", '"1": 2'),
        ("tasks:\n  g: {call: app:greet, args: [no]}\n", 'args: ["no"]'),
        # numbers, durations, booleans, lists
        ("let: {mode: 0644}\ntasks:\n  g: {call: app:greet, args: [a]}\n", "mode: 0o644"),
        (f"tasks:\n  g: {{{CALL}, timeout: 30 sec}}\n", "timeout: 30s"),
        (f"tasks:\n  g: {{{CALL}, idempotent: yes}}\n", "idempotent: true"),
        (f"tasks:\n  g: {{{CALL}}}\n  h: {{{CALL}, after: g}}\n", "after: [g]"),
        # white space
        ("tasks:\n\tg:\n\t\tcall: app:greet\n", "  g:\n"),
    ],
)
def test_certain_remedies(wrong: str, right: str) -> None:
    codes = {one.code for one in found_in(HEAD + wrong)}
    text = fixed(HEAD + wrong)
    assert right in text
    assert len(codes) == 1
    assert [one for one in found_in(text) if one.code in codes and one.span and one.span.start.line == 5] == []


@pytest.mark.parametrize(
    "text",
    [
        f"tasks:\n  g: {{{CALL}}}\n  h: {{{CALL}, depends_on: g}}\n",  # `after` is a list
        f"tasks:\n  g: {{{CALL}, withItems: [1, 2]}}\n",  # `foreach` is a mapping
        f"tasks:\n  g: {{{CALL}, timeout: 3s, timout: 4s}}\n",  # the key is there already
        "let: {mode: 0899}\ntasks:\n  g: {call: app:greet, args: [a]}\n",  # not octal, and maybe a text
        f"tasks:\n  My-Task: {{{CALL}}}\n",  # references would not follow
        f"tasks:\n  g: {{{CALL}, timeout: 30}}\n",  # seconds? minutes?
        "tasks:\n  g: {call: app:greet, args: ['${{ nothing_like_it }}']}\n",
    ],
)
def test_what_is_not_certain_is_not_offered(text: str) -> None:
    found = found_in(HEAD + text)
    assert found
    assert not any(one.fixes for one in found)


def test_a_manifest_without_its_version_begins_with_it() -> None:
    text = f"name: t\ntasks:\n  g: {{{CALL}}}\n"
    assert fixed(text) == "spec: 1\n" + text


def test_two_mistakes_of_one_line_are_both_remedied() -> None:
    text = HEAD + f"tasks:\n  g: {{{CALL}, timout: 3s, retrry: 3}}\n"
    assert "timeout: 3s, retry: 3" in fixed(text)


def test_nothing_is_tried_on_a_text_that_is_too_long() -> None:
    text = HEAD + f"tasks:\n  g: {{{CALL}, timout: 3s}}\n" + "# much\n" * MAX_TEXT
    assert not any(one.fixes for one in found_in(text))


def test_of_edits_that_overlap_the_first_is_made() -> None:
    def edit(first: int, last: int, text: str) -> Fix:
        return Fix(span=Span("f", Position(2, first), Position(2, last)), replacement=text)

    assert apply_fixes("a\r\nbcdef\n", [edit(4, 6, "Z"), edit(2, 4, "X"), edit(3, 5, "Y")]) == "a\r\nbXZ\n"
