"""Which `treadle.toml` counts: one rule for every verb that has settings, and for a bundle's `launch.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from compiler.cli.completing import command_line
from runtime import launch_command
from tests.cli.conftest import MANIFESTS, Called, Treadle
from tests.shell import shell_at

WRONG = 'lingr = "1s"\n'
SAID = "treadle.toml:1: there is no setting `lingr`; did you mean `linger`?"
BESIDE_FILE: dict[str, tuple[str, ...]] = {"diff": ("FILE", "FILE"), "explain": ("FILE", "greet")}
"""The words of verbs that take more than FILE."""

BY_OPTION: dict[str, tuple[str, ...]] = {
    "cancel": ("last",),
    "clean": ("last",),
    "errors": ("last",),
    "local": ("status",),
    "logs": ("last",),
}
"""The words that verbs with `--file` need."""


def said_by(called: Called) -> str:
    """Without the ends of lines: doctor's are no longer than a screen."""
    return " ".join((called.out + called.err).split())


def options(verb: str) -> set[str]:
    parser = next(iter(command_line()._subparsers._group_actions)).choices[verb]  # type: ignore[union-attr,index]
    return {option for action in parser._actions for option in action.option_strings}


def with_settings() -> list[str]:
    root = command_line()
    verbs = next(iter(root._subparsers._group_actions)).choices  # type: ignore[union-attr]
    return [verb for verb in verbs or () if "--config" in options(verb)]


@pytest.mark.parametrize("verb", with_settings())
def test_the_file_beside_the_manifest_counts_and_that_of_the_folder_only_without_one(
    treadle: Treadle, tmp_path: Path, verb: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    manifest = there / "workflow.yaml"
    manifest.write_text((MANIFESTS / "hello" / "workflow.yaml").read_text())
    (there / "treadle.toml").write_text(WRONG)
    is_option = "--file" in options(verb)
    if is_option:
        words = (verb, *BY_OPTION.get(verb, ()))
        called = treadle(*words, "--file", manifest)
    else:
        words = (verb, *BESIDE_FILE.get(verb, ("FILE",)))
        called = treadle(*(str(manifest) if word == "FILE" else word for word in words))
    assert called.code == 2
    assert f"{there}/{SAID}" in said_by(called)

    (there / "treadle.toml").rename("treadle.toml")
    if is_option:
        assert f" {SAID}" in said_by(treadle(*words))
    else:
        Path("workflow.yaml").write_text(manifest.read_text())
        assert f" {SAID}" in said_by(treadle(*("workflow.yaml" if word == "FILE" else word for word in words)))


def test_a_bundle_has_a_file_of_its_own_for_run_runs_and_launch(tmp_path: Path) -> None:
    shell = shell_at(tmp_path / "home")
    bundle = tmp_path / "bundle"
    assert shell.call("build", MANIFESTS / "hello" / "workflow.yaml", "-o", bundle)[0] == 0

    def launch() -> tuple[int, str, str]:
        command = [sys.executable, bundle / "launch.py"]
        done = subprocess.run(command, env=shell.environ, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    (bundle / "treadle.toml").write_text('deployment = "team"\n')
    assert launch()[:2] == (0, "Hello, world!\n")
    assert [run["state"] for run in shell.json("runs", "--file", bundle)] == ["succeeded"]
    assert shell.json("runs") == []

    (bundle / "treadle.toml").write_text(WRONG)
    for code, _, told in (launch(), shell.call("run", bundle)):
        assert code == 2 and f"{bundle}/{SAID}" in told


def test_the_command_line_of_a_bundle_takes_any_setting_once(
    treadle: Treadle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert treadle("build", MANIFESTS / "hello" / "workflow.yaml", "-o", "bundle").code == 0
    for words, said in (
        (["--config", "concurency_limit=3"], "command line: there is no setting `concurency_limit`; did you mean"),
        (["--config", "concurrency_limit=3", "--concurrency", "2"], "`concurrency_limit` is given twice"),
        (["--inline", "--redis", "redis://:a-secret@h"], "`redis_url` is a setting of the backend local"),
        (["--config", "redis://:a-secret@h"], "--config takes NAME=VALUE"),
    ):
        try:
            code: object = launch_command.main(tmp_path / "bundle", words, {})
        except SystemExit as ended:
            code = ended.code
        told = capsys.readouterr().err
        assert code == 2 and said in told and "a-secret" not in told
    called = treadle("run", "bundle", "--config", "planner=wukong")
    assert called.code == 2 and "`planner` is decided when a bundle is built" in called.err
    called = treadle("plan", MANIFESTS / "hello" / "workflow.yaml", "--planner", "simple", "--config", "planner=wukong")
    assert called.code == 2 and "`planner` is given twice" in called.err


def test_a_manifest_that_is_not_there_has_no_settings(treadle: Treadle) -> None:
    called = treadle("runs", "--file", "nowhere/workflow.yaml")
    assert called.code == 2 and "there is no nowhere/workflow.yaml" in called.err
