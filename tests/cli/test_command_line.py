"""The command line itself: verbs, help, usage errors, internal errors, colours."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from compiler.cli import main as main_module
from compiler.cli.console import RED, Console
from compiler.cli.main import VERBS
from tests.cli.conftest import Treadle


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples_and_json(treadle: Treadle, verb: str) -> None:
    with pytest.raises(SystemExit) as left:
        treadle(verb, "--help")
    assert left.value.code == 0


@pytest.mark.parametrize("verb", VERBS)
def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    with pytest.raises(SystemExit):
        main_module(["local", "--help"] if verb == "local" else [verb, "--help"])
    text = capsys.readouterr().out
    assert "examples:\n" in text
    assert f"treadle {verb}" in text
    assert "--json" in text


def test_no_verb_shows_the_verbs_and_is_a_usage_error(treadle: Treadle) -> None:
    called = treadle()
    assert called.code == 2
    assert all(f"\n  {verb} " in called.err for verb in VERBS)
    assert called.out == ""


def test_version_is_told(treadle: Treadle) -> None:
    assert treadle("version").out.startswith("treadle ")
    assert treadle("--version").out == treadle("version").out
    assert set(treadle("version", "--json").json) == {"treadle", "python"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exapnd"], "there is no verb `exapnd`; did you mean `expand`?"),
        (["init", "--tmplate", "map"], "did you mean `--template`?"),
        (["init", "--template", "mop"], "invalid choice"),
        (["inspect"], "the following arguments are required: DIR"),
        (["--json", "expand"], "options stand after the verb"),
        (["expand", "--set", "leaves"], "--set takes NAME=VALUE"),
        (["expand", "--set", "a=1", "--set", "a=2"], "--set gives `a` twice"),
        (["doctor", "--config", "lingr=3s"], "did you mean `linger`?"),
    ],
)
def test_usage_error_is_one_message_and_exit_code_2(treadle: Treadle, arguments: list[str], said: str) -> None:
    called = treadle(*arguments)
    assert called.code == 2
    assert said in called.err
    assert "Traceback" not in called.err


def test_error_with_json_is_an_object_on_standard_output(treadle: Treadle) -> None:
    called = treadle("inspect", "nowhere", "--json")
    assert called.code == 4
    assert called.json["error"]["code"] == "E603"
    assert called.json["error"]["message"] in called.err


def test_bug_is_reported_as_e900_with_a_file_to_send(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("compiler.cli.verbs.version.run", broken)
    called = treadle("version")
    assert called.code == 70
    assert "error[E900]" in called.err
    assert "Traceback" not in called.err
    report = Path(called.err.split("report it with the file ")[1].split(",")[0])
    assert "ZeroDivisionError: a bug" in report.read_text()
    report.unlink()


def test_interruption_is_exit_code_130(treadle: Treadle, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("compiler.cli.verbs.version.run", interrupted)
    assert treadle("version").code == 130


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], is_coloured: bool) -> None:
    console = Console(out=Terminal(), err=io.StringIO(), environ=environ)
    assert ("\x1b[" in console.paint("x", RED)) is is_coloured
    assert console.paint("x", RED, console.err) == "x"
