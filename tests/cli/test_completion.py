"""`treadle completion`: the script, run by bash itself, completes verbs, options, choices, codes and file names."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.cli.completing import command_line
from compiler.cli.registry import VERBS
from tests.cli.conftest import Treadle


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shtab

    path = tmp_path_factory.mktemp("completion") / "treadle.bash"
    path.write_text(shtab.complete(command_line(), shell="bash"))
    return path


def completed(script: Path, folder: Path, *words: str) -> set[str]:
    """What Tab offers after these words, the last one unfinished."""
    line = " ".join(map(shlex.quote, words))
    command = f"""
        source {shlex.quote(str(script))}
        COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMP_LINE={shlex.quote(line)}; COMP_POINT={len(line)}
        function_of=$(complete -p treadle | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p')
        $function_of treadle {shlex.quote(words[-1])} {shlex.quote(words[-2])}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    bash = shutil.which("bash")
    assert bash is not None, "completion is tested with bash itself"
    done = subprocess.run([bash, "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return {word.strip() for word in done.stdout.splitlines() if word.strip()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["treadle", ""], set(VERBS)),
        (["treadle", "ex"], {"expand", "explain"}),
        (["treadle", "graph", "--form"], {"--format"}),
        (["treadle", "graph", "--format", ""], {"dot", "mermaid", "svg", "json"}),
        (["treadle", "run", "--planner", "w"], {"wukong"}),
        (["treadle", "explain", "E30"], {"E301", "E302", "E303", "E304", "E305", "E306", "E309"}),
        (["treadle", "validate", "--deny", "W3"], {"W301", "W302", "W303", "W304"}),
        (["treadle", "init", "--template", "m"], {"map"}),
        (["treadle", "completion", ""], {"bash", "zsh", "fish"}),
        (["treadle", "key", ""], {"list", "rotate", "show", "drop"}),
        (["treadle", "validate", "work"], {"workflow.yaml"}),
        (["treadle", "diff", "work"], {"workflow.yaml"}),
        (["treadle", "build", "--plan", "work"], {"workflow.yaml"}),
        (["treadle", "plan", "--compare", "al"], {"all"}),
    ],
)
def test_bash_completes(script: Path, tmp_path: Path, words: list[str], offered: set[str]) -> None:
    (tmp_path / "workflow.yaml").write_text("")
    (tmp_path / "build").mkdir()
    assert completed(script, tmp_path, *words) == offered


def test_bash_completes_runs_that_are_kept_as_files(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "my state"))
    assert completed(script, tmp_path, "treadle", "logs", "") == {"last"}
    for run in ("1795_a_b_c", "1796_a_b_c"):
        (tmp_path / "my state" / "treadle" / "local" / "other" / "runs" / run).mkdir(parents=True)
    (tmp_path / "1795.zip").write_text("")
    assert completed(script, tmp_path, "treadle", "logs", "") == {"last", "1795_a_b_c", "1796_a_b_c"}
    assert completed(script, tmp_path, "treadle", "run", "--resume", "1795") == {"1795_a_b_c"}
    assert completed(script, tmp_path, "treadle", "runs", "export", "1795") == {"1795_a_b_c", "1795.zip"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_with_every_verb(treadle: Treadle, shell: str) -> None:
    script = treadle("completion", shell).out
    assert all(verb in script for verb in VERBS)
    assert treadle("completion", shell, "--json").json == {"shell": shell, "script": script.removesuffix("\n")}


def test_unknown_shell_is_a_usage_error(treadle: Treadle) -> None:
    assert treadle("completion", "csh").code == 2
