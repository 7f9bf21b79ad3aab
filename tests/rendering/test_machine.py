"""What programs read: gcc's lines, GitHub's commands, and JSON by its schema."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from compiler.diagnostics import Diagnostic, Fix, Position, Related, Span
from compiler.rendering import to_json
from compiler.rendering.gcc import render_gcc
from compiler.rendering.github import render_github

PLACE = Span("a.yaml", Position(4, 5), Position(4, 9))
ONE = Diagnostic(
    code="E301",
    message="there is no task `lef`",
    span=PLACE,
    hint="write `leaf`",
    related=(Related(span=Span("b.yaml", Position(1, 2), Position(1, 3)), message="the tasks are here"),),
)
HOSTILE = replace(
    ONE,
    message="100% of\nthis: a,b\r\x1b[31m",
    hint="",
    span=Span("odd, name: 5%.yaml", Position(1, 1), Position(2, 1)),
    related=(),
)
COMMAND_LINE = Diagnostic(code="E210", message="there is no param `zz`", span=None)
WARNING = replace(ONE, code="W301", related=())


def test_gcc_has_a_line_for_each_place() -> None:
    assert render_gcc([WARNING, ONE, COMMAND_LINE]) == (
        "treadle: error: there is no param `zz` [E210]\n"
        "a.yaml:4:5: error: there is no task `lef` [E301]\n"
        "b.yaml:1:2: note: the tasks are here\n"
        "a.yaml:4:5: warning: there is no task `lef` [W301]\n"
    )


def test_gcc_keeps_a_hostile_message_on_one_line() -> None:
    (line,) = render_gcc([HOSTILE]).splitlines()
    assert line == "odd, name: 5%.yaml:1:1: error: 100% of this: a,b␍␛[31m [E301]"


def test_github_names_the_whole_place() -> None:
    assert render_github([ONE, COMMAND_LINE, WARNING]) == (
        "::error title=E210 unknown-set::there is no param `zz`\n"
        "::error file=a.yaml,line=4,col=5,endLine=4,endColumn=9,title=E301 unknown-task::"
        "there is no task `lef`%0Awrite `leaf`\n"
        "::warning file=a.yaml,line=4,col=5,endLine=4,endColumn=9,title=W301 dead-task::"
        "there is no task `lef`%0Awrite `leaf`\n"
    )


def test_github_escapes_what_would_end_a_property_or_the_command() -> None:
    (line,) = render_github([HOSTILE]).splitlines()
    assert line.startswith("::error file=odd%2C name%3A 5%25.yaml,line=1,col=1,endLine=2,endColumn=1,")
    assert line.endswith("::100%25 of this: a,b␍␛[31m")


def test_no_diagnostic_is_no_line() -> None:
    assert render_gcc([]) == render_github([]) == ""


def test_json_is_as_its_schema_says() -> None:
    schema = json.loads(resources.files("schemas").joinpath("diagnostics.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    fixed = replace(ONE, fixes=(Fix(span=PLACE, replacement="leaf"),), instance="a[1]", bindings={"i": 1})
    report = to_json([fixed, ONE, HOSTILE, COMMAND_LINE, WARNING, replace(WARNING, is_denied=True)])
    Draft202012Validator(schema).validate(report)
    assert report["counts"] == {"error": 5, "warning": 1}


def test_json_can_hold_every_bound_value() -> None:
    bound = {"big": float("inf"), "none": None, "list": [1, (2,)], "dict": {1: "a"}, "other": {3}}
    (one,) = _list(to_json([replace(ONE, bindings=bound)]))
    assert one["bindings"] == {"big": "inf", "none": None, "list": [1, [2]], "dict": {"1": "a"}, "other": "{3}"}
    json.dumps(one, allow_nan=False)


def _list(report: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report["diagnostics"]
    return found
