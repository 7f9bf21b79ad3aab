"""`treadle validate`: its formats, what is denied and allowed, and how much is shown; `treadle schema`."""

from __future__ import annotations

import io
import json
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from compiler.cli.console import Console
from tests.cli.conftest import Treadle

TWO_SINKS = """\
spec: 1
name: two
tasks:
  a: {exec: [echo, a]}
  b: {exec: [echo, no], optimize: [preload]}
"""
WRONG = "spec: 1\nname: t\ntasks:\n  a: {exec: [echo], timout: 3s}\n"


@pytest.fixture
def two() -> str:
    Path("two.yaml").write_text(TWO_SINKS)
    return "two.yaml"


@pytest.fixture
def wrong() -> str:
    Path("wrong.yaml").write_text(WRONG)
    return "wrong.yaml"


def test_each_format_is_on_standard_output_alone(treadle: Treadle, wrong: str) -> None:
    gcc = treadle("validate", wrong, "--format", "gcc")
    assert (gcc.code, gcc.err) == (1, "")
    assert gcc.out == "wrong.yaml:4:21: error: `a` has no key `timout` [E102]\n"
    github = treadle("validate", wrong, "--format", "github")
    assert github.out.startswith(
        "::error file=wrong.yaml,line=4,col=21,endLine=4,endColumn=27,title=E102 unknown-key::"
    )
    sarif = treadle("validate", wrong, "--format", "sarif")
    assert sarif.json["runs"][0]["results"][0]["ruleId"] == "E102"
    assert treadle("validate", wrong, "--format", "json").json["counts"] == {"error": 1, "warning": 0}


def test_human_is_narration(treadle: Treadle, wrong: str) -> None:
    called = treadle("validate", wrong)
    assert called.out == ""
    assert "^^^^^^" in called.err
    assert called.err.endswith("1 error\n")


def test_a_sound_manifest_is_no_line_of_gcc_and_github(treadle: Treadle) -> None:
    Path("ok.yaml").write_text("spec: 1\nname: t\ntasks:\n  a: {exec: [echo]}\nresult: ${{ tasks.a }}\n")
    for form in ("gcc", "github"):
        called = treadle("validate", "ok.yaml", "--format", form)
        assert (called.code, called.out, called.err) == (0, "", "")
    assert treadle("validate", "ok.yaml").err == "no errors\n"


def test_a_fix_is_in_json_with_its_place(treadle: Treadle, wrong: str) -> None:
    (one,) = treadle("validate", wrong, "--json").json["diagnostics"]
    place = {"start": {"line": 4, "column": 21}, "end": {"line": 4, "column": 27}}
    assert one["fixes"] == [{"description": "write `timeout`", "range": place, "replacement": "timeout"}]


def test_what_json_prints_is_as_the_published_schema_says(treadle: Treadle, two: str, wrong: str) -> None:
    schema = treadle("schema", "diagnostics").json
    for arguments in ([two, wrong], [wrong, "--set", "zz=1"], ["nowhere.yaml"], [two, "--deny", "all"]):
        Draft202012Validator(schema).validate(treadle("validate", *arguments, "--json").json)


def codes(treadle: Treadle, *arguments: str) -> dict[str, str]:
    report = treadle("validate", *arguments, "--json").json
    return {one["code"]: one["severity"] for one in report["diagnostics"]}


def test_a_denied_warning_is_an_error(treadle: Treadle, two: str) -> None:
    assert codes(treadle, two) == {"W302": "warning", "W505": "warning"}
    assert codes(treadle, two, "--deny", "W302") == {"W302": "error", "W505": "warning"}
    called = treadle("validate", two, "--deny", "many-sinks")
    assert called.code == 1
    assert "error[W302 many-sinks]" in called.err
    assert called.err.endswith("1 error, 1 warning\n")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--deny", "all"], {"W302": "error", "W505": "error"}),
        (["--deny", "all", "--allow", "W505"], {"W302": "error"}),
        (["--allow", "all"], {}),
        (["--allow", "all", "--deny", "w302"], {"W302": "error"}),
        (["--allow", "W302,W505"], {}),
        (["--allow", "W302", "--allow", "no-effect-optimization"], {}),
    ],
)
def test_deny_and_allow(treadle: Treadle, two: str, options: list[str], expected: dict[str, str]) -> None:
    assert codes(treadle, two, *options) == expected


def test_a_comment_silences_a_warning_that_the_call_denies(treadle: Treadle) -> None:
    text = TWO_SINKS.replace("tasks:\n", "tasks:  # treadle: ignore[W302]\n")
    Path("two.yaml").write_text(text.replace("  b:", "  # treadle: ignore[W505, W301]\n  b:"))
    assert codes(treadle, "two.yaml", "--deny", "all") == {}


def test_a_comment_that_cannot_silence_is_remarked_on(treadle: Treadle) -> None:
    Path("two.yaml").write_text(TWO_SINKS.replace("tasks:\n", "tasks:  # treadle: ignore[W302, W014, E301]\n"))
    called = treadle("validate", "two.yaml")
    assert "note: two.yaml:3: there is no W014 to ignore here\n" in called.err
    assert "note: two.yaml:3: E301 is an error, which cannot be ignored\n" in called.err
    assert "no W014" not in treadle("validate", "two.yaml", "--level", "schema").err
    machine = treadle("validate", "two.yaml", "--format", "json")
    assert (machine.err, machine.json["counts"]) == ("", {"error": 0, "warning": 1})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--deny", "W999"], "--deny: there is no warning W999"),
        (["--deny", "W30"], "did you mean `W301`?"),
        (["--allow", "dead-tsk"], "did you mean `dead-task`?"),
        (["--allow", "E301"], "--allow: E301 is an error, whatever is asked"),
        (["--allow", "W301", "--deny", "W301"], "W301 is given to both --deny and --allow"),
        (["--allow", "all", "--deny", "all"], "all is given to both"),
        (["--json", "--format", "gcc"], "--json and --format gcc exclude each other"),
        (["--limit", "-1"], "--limit"),
        (["--format", "xml"], "invalid choice"),
    ],
)
def test_a_wrong_choice_is_a_usage_error(treadle: Treadle, two: str, options: list[str], said: str) -> None:
    called = treadle("validate", two, *options)
    assert called.code == 2
    assert said in called.err


def test_people_are_shown_fifty_and_programs_all(treadle: Treadle) -> None:
    Path("many.yaml").write_text("spec: 1\nname: t\ntasks:\n" + "".join(f"  t{n}: {{}}\n" for n in range(60)))
    called = treadle("validate", "many.yaml")
    assert called.err.count("error[E105") == 50
    assert "… and 10 more: 60 errors in all" in called.err
    assert treadle("validate", "many.yaml", "--limit", "3").err.count("error[E105") == 3
    assert treadle("validate", "many.yaml", "--limit", "0").err.count("error[E105") == 60
    assert len(treadle("validate", "many.yaml", "--json").json["diagnostics"]) == 60


def test_other_verbs_report_in_json_too(treadle: Treadle, wrong: str) -> None:
    for verb in ("expand", "graph", "plan", "build", "run"):
        called = treadle(verb, wrong, "--json")
        assert called.code == 1
        assert called.json["diagnostics"][0]["fixes"][0]["replacement"] == "timeout"


def test_a_stream_that_cannot_take_a_character_gets_an_escape() -> None:
    data = io.BytesIO()
    out = io.TextIOWrapper(data, encoding="ascii")
    console = Console(out=out, err=out, environ={})
    console.say("größe")
    console.json({"größe": "\udcff"})
    out.flush()
    first, _, rest = data.getvalue().decode("ascii").partition("\n")
    assert first == "gr\\xf6\\xdfe"
    assert json.loads(rest) == {"größe": "\udcff"}


def test_schemas_are_listed_printed_and_written(treadle: Treadle) -> None:
    names = [one["name"] for one in treadle("schema", "--json").json]
    assert names[0] == "manifest"
    assert {"fragment", "bundle", "plan", "payload", "profile", "span", "diagnostics"} <= set(names)
    for name in names:
        Draft202012Validator.check_schema(treadle("schema", name).json)
    assert treadle("schema").json["title"].startswith("treadle manifest")
    assert treadle("schema", "-o", "a/b.json").code == 0
    assert json.loads(Path("a/b.json").read_text()) == treadle("schema", "manifest").json
    assert "did you mean `plan`?" in treadle("schema", "plann").err
    Path("file").write_text("")
    assert treadle("schema", "-o", "file/b.json").code == 4


def test_a_fragment_has_a_schema_of_its_own(treadle: Treadle) -> None:
    fragment = Draft202012Validator(treadle("schema", "fragment").json)
    assert fragment.is_valid({"tasks": {"a": {"exec": ["ls"], "timeout": "${{ params.x }}"}}})
    assert not fragment.is_valid({"tasks": {"a": {"exec": ["ls"], "timout": "3s"}}})
    assert not fragment.is_valid({"params": {"x": 1}})


def test_the_target_profiles_are_as_their_schema_says(treadle: Treadle) -> None:
    profile = Draft202012Validator(treadle("schema", "profile").json)
    folder = resources.files("schemas") / "profiles"
    for entry in folder.iterdir():
        profile.validate(json.loads(entry.read_text(encoding="utf-8")))


BROKEN = """\
\ufeffname: t\r
tasks:\r
\tg: {exec: [echo, {{ params.x }}, no], timout: 30 sec, depends_on: [h]}\r
  h: {exec: [echo]}\r
params: {x: 1}\r
result: ${{ tasks.gg }}\r
"""


def test_fix_makes_every_certain_edit_and_reports_what_is_left(treadle: Treadle) -> None:
    file = Path("broken.yaml")
    file.write_bytes(BROKEN.encode())
    file.chmod(0o640)
    called = treadle("validate", "broken.yaml", "--fix")
    assert called.code == 0, called.err
    assert called.err.endswith("no errors\n")
    assert "fixed broken.yaml:3:1: a tab cannot indent YAML [E004]\n" in called.err
    assert file.read_bytes().decode() == (
        "\ufeffspec: 1\nname: t\r\ntasks:\r\n"
        '  g: {exec: [echo, "${{ params.x }}", no], timeout: 30s, after: [h]}\r\n'
        "  h: {exec: [echo]}\r\nparams: {x: 1}\r\nresult: ${{ tasks.g }}\r\n"
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(Path().glob(".broken*")) == []


def test_fix_leaves_alone_what_is_not_certain_or_not_asked_for(treadle: Treadle, two: str) -> None:
    before = Path(two).read_bytes()
    stamp = Path(two).stat().st_mtime_ns
    treadle("validate", two, "--fix")
    assert (Path(two).read_bytes(), Path(two).stat().st_mtime_ns) == (before, stamp)
    Path("no.yaml").write_text("spec: 1\nname: t\nlet: {a: no}\ntasks: {g: {exec: [a]}}\nresult: ${{ tasks.g }}\n")
    treadle("validate", "no.yaml", "--fix", "--allow", "W014")
    assert "{a: no}" in Path("no.yaml").read_text()


def test_standard_input_cannot_be_fixed(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WRONG.encode())))
    called = treadle("validate", "-", "--fix")
    assert (called.code, "--fix edits files" in called.err) == (2, True)
