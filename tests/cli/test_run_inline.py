"""`treadle run --inline`: results, errors of tasks, mistakes; in this process, without Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.templates import TEMPLATES
from tests.cli.conftest import MANIFESTS, Treadle

EXPECTED = {
    "hello": "Hello, world!",
    "map": 140,
    "tree": 120,
    "cli": {
        "counts": {"ERROR": 2, "WARN": 1, "INFO": 2},
        "errors": ["3:ERROR no answer from host 7", "5:ERROR no answer from host 7"],
    },
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_init_writes_runs(treadle: Treadle, template: str) -> None:
    treadle("init", "--template", template)
    assert treadle("validate").code == 0
    answer = treadle("run", "--inline", "--json").json
    assert answer["result"] == EXPECTED[template]
    assert answer["makespan_s"] > 0


def test_result_stands_on_standard_output_and_figures_beside_it(treadle: Treadle) -> None:
    called = treadle("run", MANIFESTS / "hello" / "workflow.yaml", "--inline", "--set", "who=Ada")
    assert called.out == "Hello, Ada!\n"
    assert "makespan" in called.err


def write(folder: Path, body: str, functions: str) -> Path:
    (folder / "functions.py").write_text(functions)
    path = folder / "workflow.yaml"
    path.write_text(f"spec: 1\nname: test\n{body}")
    return path


def test_error_of_a_task_shows_the_users_own_lines(treadle: Treadle, tmp_path: Path) -> None:
    write(
        tmp_path,
        'tasks:\n  a: {call: "functions:f", foreach: {i: [0, 1]}, args: ["${{ i }}"]}\nresult: ${{ tasks.a }}\n',
        "def f(i):\n    return g(i)\n\n\ndef g(i):\n    return 1 // i\n",
    )
    called = treadle("run", "--inline")
    assert called.code == 1
    assert "a[0]" in called.err
    assert "line 4" in called.err
    assert "return 1 // i" in called.err
    assert "ZeroDivisionError" in called.err
    assert "runtime/" not in called.err
    record = treadle("run", "--inline", "--json").json["error"]["records"][0]
    assert (record["task"], record["type"]) == ("a[0]", "ZeroDivisionError")


def test_result_that_json_cannot_hold_is_shown_as_repr(treadle: Treadle, tmp_path: Path) -> None:
    write(tmp_path, 'tasks:\n  a: {call: "functions:f"}\nresult: ${{ tasks.a }}\n', "def f():\n    return {1, 2}\n")
    assert treadle("run", "--inline", "--json").json["result_repr"] == "{1, 2}"


def test_several_outputs_come_by_name(treadle: Treadle, tmp_path: Path) -> None:
    write(
        tmp_path,
        'tasks:\n  a: {call: "functions:f"}\noutputs: {x: "${{ tasks.a }}", y: ["${{ tasks.a }}"]}\n',
        "def f():\n    return None\n",
    )
    assert treadle("run", "--inline", "--json").json["outputs"] == {"x": None, "y": [None]}


def test_bundle_takes_no_parameters(treadle: Treadle, tmp_path: Path) -> None:
    treadle("build", MANIFESTS / "hello" / "workflow.yaml", "-o", tmp_path / "out")
    assert treadle("run", tmp_path / "out", "--inline").out == "Hello, world!\n"
    called = treadle("run", tmp_path / "out", "--inline", "--set", "who=Ada")
    assert called.code == 2
    assert "decided when a bundle is built" in called.err


def test_missing_requirement_is_named(treadle: Treadle, tmp_path: Path) -> None:
    write(
        tmp_path,
        'requirements: ["no-such-thing==1.0"]\ntasks:\n  a: {call: "functions:f"}\nresult: ${{ tasks.a }}\n',
        "def f():\n    return 1\n",
    )
    called = treadle("run", "--inline")
    assert called.code == 4
    assert "E404" in called.err
    assert "no-such-thing" in called.err


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E009"),
        (b"\xff", "E002"),
        (b"a: [", "E003"),
        (b"- 1", "E009"),
        (b"spec: 2\nname: x\ntasks: {a: {}}", "E106"),
    ],
)
def test_wrong_file_is_a_diagnostic_and_no_traceback(
    treadle: Treadle, tmp_path: Path, content: bytes, code: str
) -> None:
    (tmp_path / "workflow.yaml").write_bytes(content)
    called = treadle("run", "--inline")
    assert called.code == 1
    assert f"error[{code} " in called.err
    assert "Traceback" not in called.err


def test_folder_in_place_of_a_manifest_is_told(treadle: Treadle, tmp_path: Path) -> None:
    called = treadle("run", tmp_path)
    assert called.code == 4
    assert "is a folder" in " ".join(called.err.split())


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("--metrics", "evry:5s", "metrics_upload"),
        ("--deployment", "", "deployment"),
        ("--workers", "0", "workers"),
        ("--planner", "wukon", "wukon"),
    ],
)
def test_options_of_their_own_are_settings_of_the_command_line(
    treadle: Treadle, option: str, value: str, name: str
) -> None:
    called = treadle("run", MANIFESTS / "hello" / "workflow.yaml", option, value)
    assert called.code == 2
    assert "command line: " in called.err and f"`{name}`" in called.err
