"""`treadle init`, and what is kept before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.templates import TEMPLATES
from tests.cli.conftest import Treadle


@pytest.mark.parametrize("template", TEMPLATES)
def test_init_writes_a_manifest_with_functions_and_the_modeline(treadle: Treadle, template: str) -> None:
    called = treadle("init", "new", "--template", template, "--json")
    assert called.code == 0
    names = [*TEMPLATES[template], ".treadle/manifest.schema.json"]
    assert called.json == {"template": template, "files": [f"new/{name}" for name in names]}
    assert (
        Path("new/workflow.yaml")
        .read_text()
        .startswith("# yaml-language-server: $schema=.treadle/manifest.schema.json\n")
    )
    assert Path("new/.treadle/manifest.schema.json").read_text() == treadle("schema").out
    compile(Path("new/functions.py").read_text(), "functions.py", "exec")


def test_init_follows_no_link_out_of_the_folder(treadle: Treadle) -> None:
    Path("functions.py").symlink_to("elsewhere.py")
    assert treadle("init").code == 2
    assert not Path("elsewhere.py").exists()


def test_init_overwrites_nothing(treadle: Treadle) -> None:
    Path("functions.py").write_text("mine")
    called = treadle("init")
    assert called.code == 2
    assert "functions.py exists already" in called.err
    assert Path("functions.py").read_text() == "mine"
    assert not Path("workflow.yaml").exists()


def test_init_into_a_file_is_one_message(treadle: Treadle) -> None:
    Path("taken").write_text("")
    called = treadle("init", "taken/below")
    assert called.code == 4
    assert "cannot write to taken/below" in called.err


def test_local_status_tells_that_nothing_is_kept(treadle: Treadle) -> None:
    assert treadle("local", "status", "--json").json == {"running": False, "deployment": "local"}
    assert treadle("local", "stop", "--json").json["stopped"] is False
