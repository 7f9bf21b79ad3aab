"""What README promises: its commands, its manifest, its verbs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from compiler.cli.main import VERBS
from compiler.cli.templates import MAP_MANIFEST
from runtime.backends.redis_rights import acl_line
from runtime.settings.layers import resolve, settings_file
from tests.architecture.test_imports import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_manifest_is_the_one_that_init_writes() -> None:
    _, body = MAP_MANIFEST.split("\n", 1)
    assert f"```yaml\n{body}```" in README


def test_commands_are_one_pasted_line_each() -> None:
    first, second = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    assert first.count("\n") == second.count("\n") == 1
    assert first.strip().endswith(".venv/bin/treadle run manifests/wordcount/workflow.yaml")
    assert second.strip().endswith(".venv/bin/pytest -n auto")


def test_continuous_integration_finds_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extraction = re.search(r"^command=\$\((.*)\)$", script, flags=re.MULTILINE)
    assert extraction is not None
    done = subprocess.run(
        ["bash", "-c", extraction[1]], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    (command,) = done.stdout.splitlines()
    assert command.startswith("sudo apt-get") and command.endswith("pytest -n auto")


def test_every_verb_that_it_names_exists() -> None:
    named = set(re.findall(r"`treadle ([a-z]+)", README))
    assert named <= set(VERBS)
    assert named >= set(VERBS) - {"version"}


def test_rights_in_redis_are_those_that_doctor_prints() -> None:
    assert f"\n{acl_line('local')}\n" in README


def test_settings_of_the_example_are_taken(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "treadle.toml").write_text(example, encoding="utf-8")
    settings = resolve([settings_file(tmp_path, backend="local")], backend="local")
    assert sum(setting.source != "default" for setting in settings.all) >= example.count(" = ")
