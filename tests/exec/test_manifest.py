"""Commands in a manifest: what is found before a run, what is shipped, and what comes out of it."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from compiler.code.commands import check_shipped_sizes
from compiler.code.units import Functions, collect_functions
from compiler.diagnostics import Diagnostic
from compiler.emit.bundle import Build
from compiler.pipeline import CompileOptions, check, compile_workflow, expand_workflow
from runtime.config import WorkerSettings
from runtime.inline import run_inline
from runtime.tasks.executable import Executable, decode_executable


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/bin/sh\ncat data/x.txt\n")
    (tmp_path / "bin" / "tool").chmod(0o755)
    (tmp_path / "data" / "deep").mkdir(parents=True)
    for name in ("x", "y", "deep/z"):
        (tmp_path / "data" / f"{name}.txt").write_text(f"content of {name}\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "workflow.yaml"
    path.write_text("spec: 1\nname: t\n" + textwrap.dedent(text))
    return path


def found_in(folder: Path, text: str, **values: object) -> list[tuple[str, int]]:
    return [(one.code, one.span.start.line) for one in reported(folder, text, **values) if one.span]


def reported(folder: Path, text: str, **values: object) -> list[Diagnostic]:
    return check(write(folder, text), values)


def build(folder: Path, text: str, **values: object) -> Build:
    return compile_workflow(write(folder, text), CompileOptions(set_values=values))


def result(folder: Path, text: str, **values: object) -> object:
    return run_inline(build(folder, text, **values).loaded, WorkerSettings()).result


def collected(folder: Path, text: str, **values: object) -> Functions:
    return collect_functions(expand_workflow(write(folder, text), CompileOptions(set_values=values)))


def executables(functions: Functions) -> list[Executable]:
    units = dict.fromkeys(
        one.unit for one in (*functions.by_family, *functions.by_instance.values()) if one.kind == "exec"
    )
    return [decode_executable(unit, functions.files[unit]) for unit in units]


# ---- runs ---------------------------------------------------------------------------------------------------


def test_commands_are_piped_and_fanned_in(project: Path, temporary: Path) -> None:
    text = """\
        tasks:
          lines: {exec: {argv: [printf, '%s\\n', b, a, c], stdout: bytes}}
          first: {exec: [head, -n, "1"], args: [-q]}
          sorted: {exec: {argv: [sort], stdin: "${{ tasks.lines }}", stdout: lines}}
          each:
            foreach: {i: "${{ range(3) }}"}
            exec: {argv: [echo, "${{ i }}", "${{ tasks.sorted[i] }}", "n=${{ i }}"]}
          whole: {exec: {argv: [cat], stdin: {each: "${{ tasks.each }}", n: 1}, stdout: json}}
        result: ["${{ tasks.first }}", "${{ tasks.sorted }}", "${{ tasks.whole }}"]
    """
    assert result(project, text) == ["", ["a", "b", "c"], {"each": ["0 a n=0", "1 b n=1", "2 c n=2"], "n": 1}]


def test_files_and_folders_lie_at_their_paths(project: Path, temporary: Path) -> None:
    text = """\
        tasks:
          a: {exec: {argv: [./bin/tool], files: [bin/tool, ./data]}}
          b: {exec: {argv: [find, -L, ".", -type, f], files: [data], cwd: data/deep, stdout: lines}}
        result: ["${{ tasks.a }}", "${{ tasks.b }}"]
    """
    assert result(project, text) == ["content of x", ["./z.txt"]]


def test_an_instance_may_ship_only_its_own_file(project: Path, temporary: Path) -> None:
    text = """\
        params: {folder: data}
        tasks:
          a:
            foreach: {name: [x, y]}
            exec:
              argv: [sh, -c, "ls data; cat data/*"]
              files: ["${{ params.folder }}/${{ name }}.txt"]
              stdout: lines
        result: ${{ tasks.a }}
    """
    assert result(project, text) == [["x.txt", "content of x"], ["y.txt", "content of y"]]


def test_a_shared_command_takes_the_arguments_of_its_tasks(project: Path, temporary: Path) -> None:
    text = """\
        functions: {show: {exec: [echo, -n]}}
        tasks:
          a: {use: show, args: [1, true, 0.5, x y]}
          b: {extends: a, args: ["${{ tasks.a }}"]}
        result: ["${{ tasks.a }}", "${{ tasks.b }}"]
    """
    assert result(project, text) == ["1 true 0.5 x y", "1 true 0.5 x y"]


def test_an_inlined_workflow_ships_the_files_beside_its_own_manifest(project: Path, temporary: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    (inner / "x.txt").write_text("inner\n")
    (inner / "y.txt").write_text("other\n")
    (inner / "w.yaml").write_text(
        "spec: 1\nname: inner\nparams: {name: {type: str}}\n"
        "tasks: {a: {exec: {argv: [cat, '${{ params.name }}.txt'], files: ['${{ params.name }}.txt']}}}\n"
        "result: ${{ tasks.a }}\n"
    )
    text = """\
        imports: {inner: inner/w.yaml}
        tasks: {i: {workflow: inner, foreach: {n: [x, y]}, with: {name: "${{ n }}"}}}
        result: ${{ tasks.i }}
    """
    assert result(project, text) == ["inner", "other"]


def test_several_outputs_come_from_an_object(project: Path, temporary: Path) -> None:
    text = """\
        tasks:
          a: {exec: {argv: [echo, '{"x": 1, "y": [2]}'], stdout: json}, outputs: [x, y]}
          b: {exec: {argv: [cat], stdin: "${{ tasks.a.y }}", stdout: json}}
        result: ["${{ tasks.a.x }}", "${{ tasks.b }}"]
    """
    assert result(project, text) == [1, [2]]


# ---- what is shipped ----------------------------------------------------------------------------------------


SHIPPING = (
    "tasks: {a: {exec: {argv: [bin/tool], files: [bin/tool, data]}}, b: {exec: {argv: [cat], files: [data/x.txt]}}}"
)


def test_a_file_is_shipped_once_with_its_executable_bit(project: Path) -> None:
    (project / "data" / "__pycache__").mkdir()
    (project / "data" / "__pycache__" / "x.pyc").write_text("")
    functions = collected(project, SHIPPING)
    first, second = executables(functions)
    assert [(file.path, file.is_executable) for file in first.files] == [
        ("bin/tool", True),
        ("data/deep/z.txt", False),
        ("data/x.txt", False),
        ("data/y.txt", False),
    ]
    assert second.files[0] in first.files
    assert len(functions.files) == 4 + 2
    assert not functions.units


def test_times_and_modes_beyond_the_executable_bit_change_nothing(project: Path) -> None:
    before = build(project, SHIPPING).digest
    os.utime(project / "data" / "x.txt", (0, 0))
    (project / "data" / "x.txt").chmod(0o600)
    (project / "bin" / "tool").chmod(0o700)
    assert build(project, SHIPPING).digest == before
    (project / "data" / "x.txt").chmod(0o700)
    assert build(project, SHIPPING).digest != before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{argv: [cat, a]}", "{argv: [cat, b]}"),
        ("{argv: [cat]}", "{argv: [cat], stdout: lines}"),
        ("{argv: [cat]}", "{argv: [cat], files: [data/x.txt]}"),
        ("{argv: [cat]}", "{argv: [cat], cwd: a}"),
        ("{argv: [cat]}", "{argv: [cat], stdin: a}"),
    ],
)
def test_the_signature_covers_the_command(project: Path, one: str, other: str) -> None:
    first, second = (collected(project, f"tasks: {{a: {{exec: {body}}}}}").fingerprints for body in (one, other))
    assert first != second


def test_the_signature_covers_the_content_of_files(project: Path) -> None:
    before = collected(project, SHIPPING).fingerprints
    (project / "data" / "x.txt").write_text("changed")
    assert collected(project, SHIPPING).fingerprints != before


def test_links_inside_the_folder_are_followed_and_circles_end(project: Path) -> None:
    (project / "data" / "link.txt").symlink_to("../bin/tool")
    (project / "data" / "circle").symlink_to("..")
    (executable,) = executables(collected(project, "tasks: {a: {exec: {argv: [cat], files: [data]}}}"))
    paths = {file.path for file in executable.files}
    assert {"data/link.txt", "data/circle/bin/tool"} <= paths
    assert not [path for path in paths if path.count("circle") > 1]


# ---- mistakes -----------------------------------------------------------------------------------------------


def test_what_a_command_cannot_be_given_is_found_before_a_run(project: Path) -> None:
    text = """\
        params: {n: 2}
        tasks:
          f: {exec: [echo], foreach: {i: [0, 1]}}
          a:
            exec: [echo]
            args:
              - ${{ tasks.f }}
              - null
              - [1]
              - {a: 1}
              - "a\\0b"
              - ${{ tasks.f[0] }}
              - ${{ params.n }}
          b: {exec: {argv: [cat], stdin: null}}
          c: {exec: {argv: [cat], cwd: "${{ params.n }}"}}
          d: {exec: {argv: [cat], files: ["${{ params.n }}"]}}
          e: {exec: {argv: [cat], files: ["${{ tasks.f[0] }}"]}}
          g: {exec: [echo], with: {stdin: x}}
          h: {exec: [echo], outputs: [x]}
    """
    assert found_in(project, text) == [
        *[("E206", line) for line in (9, 10, 11, 12, 13, 16, 17, 18)],
        ("E214", 19),
        ("E105", 20),
        ("E105", 21),
    ]


def test_evaluated_paths_are_checked_like_written_ones(project: Path) -> None:
    text = """\
        params: {tool: bin/tool, up: ..}
        tasks:
          a: {exec: {argv: ["${{ params.tool }}"], files: ["${{ params.tool }}"]}}
          b: {exec: {argv: ["${{ params.tool }}"]}}
          c: {exec: {argv: [cat], files: ["${{ params.up }}/x"]}}
          d: {exec: {argv: [cat], cwd: "${{ params.up }}"}}
          e: {exec: {argv: [cat], files: ["data/${{ i }}.txt"]}, foreach: {i: [x, q, r]}}
          f: {exec: {argv: ["data/${{ i }}.txt"], files: [data]}, foreach: {i: [x, y]}}
    """
    found = reported(project, text)
    assert [(one.code, one.span and one.span.start.line) for one in found] == [
        ("E405", 6),
        ("E408", 7),
        ("E408", 8),
        ("E405", 9),
        ("E405", 10),
    ]
    assert found[3].instance == 'e["q"]'
    assert found[4].hint == "chmod +x data/x.txt"


def test_files_that_cannot_be_shipped_say_why(project: Path) -> None:
    os.mkfifo(project / "fifo")
    (project / "nothing").mkdir()
    (project / "out").symlink_to("/etc/passwd")
    (project / "folder").mkdir()
    (project / "folder" / "out").symlink_to("/etc")
    text = """\
        tasks:
          a: {exec: {argv: [cat], files: [fifo]}}
          b: {exec: {argv: [cat], files: [nothing]}}
          c: {exec: {argv: [cat], files: [out]}}
          d: {exec: {argv: [cat], files: [folder]}}
          e: {exec: {argv: [data/x.txt], files: [data/x.txt]}}
          f: {exec: {argv: [bin/tool]}}
          g: {exec: {argv: [cat], files: [""]}}
          h: {exec: {argv: [cat], files: [odd]}}
    """
    (project / "odd").mkdir()
    (project / "odd" / os.fsdecode(b"\xff.txt")).touch()
    found = reported(project, text)
    assert [(one.code, one.span and one.span.start.line) for one in found] == [
        ("E405", 4),
        ("E405", 5),
        ("E408", 6),
        ("E408", 7),
        ("E405", 8),
        ("E405", 9),
        ("E405", 10),
        ("E405", 11),
    ]
    assert "is no UTF-8" in found[7].message
    assert "is empty" in found[6].message
    assert "neither a file nor a folder" in found[0].message
    assert "holds no file" in found[1].message
    assert "`folder/out` is a link" in found[3].message
    assert found[4].hint == "chmod +x data/x.txt"
    assert found[5].hint == "list it: `files: [bin/tool]`"


def test_a_program_that_only_the_worker_knows_is_left_to_it(project: Path) -> None:
    text = "tasks: {a: {exec: [surely-no-such-program]}, b: {exec: [/opt/x/bin/y]}}\n"
    text += "outputs: {a: '${{ tasks.a }}', b: '${{ tasks.b }}'}"
    assert found_in(project, text) == []


def test_files_beyond_the_targets_limit_are_e601(project: Path) -> None:
    with open(project / "data" / "large", "wb") as file:
        file.truncate(300 << 20)
    text = "tasks: {a: {exec: {argv: [cat], files: [data]}}}"
    assert found_in(project, text) == [("E601", 3)]
    (one,) = reported(project, text)
    assert one.message == "the files of `a` are 300 MiB; the target accepts 250 MiB"
    graph = expand_workflow(write(project, text), CompileOptions())
    assert check_shipped_sizes(graph, 301 << 20) == []
