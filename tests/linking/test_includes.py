"""`include`: fragments joined to a manifest, and every way in which that goes wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler.manifest import linking
from compiler.pipeline import CompileOptions, examine
from tests.graph.manifests import listing, result_of
from tests.linking.projects import examined, graph_of, places, write

MAIN = """
params: {n: 2}
include: [parts/common.yaml]
tasks:
  end: {call: app:f, args: ["${{ tasks.leaf }}"]}
result: ${{ tasks.end }}
"""
COMMON = """\
# fragment
include: [deeper.yaml]
let: {width: "${{ params.n }}"}
functions:
  shared: {call: app:f, timeout: 9s}
tasks:
  leaf: {use: shared, foreach: {i: "${{ range(width) }}"}, args: ["${{ i }}"], after: [first]}
"""
DEEPER = "# fragment\ntasks:\n  first: {call: app:f}\n"
GOOD = {"main.yaml": MAIN, "parts/common.yaml": COMMON, "parts/deeper.yaml": DEEPER}


def test_fragments_stand_among_the_tasks_of_the_manifest(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, GOOD)
    assert listing(graph) == "end([<leaf[0]>, <leaf[1]>])\nleaf[0](0) after first\nleaf[1](1) after first\nfirst()"
    assert result_of(graph) == "<end>"
    assert graph.option_of(1).timeout_s == 9.0


def test_modules_are_looked_for_in_the_folder_of_the_manifest(tmp_path: Path) -> None:
    assert places(tmp_path, GOOD, "plan") == []


def test_a_file_that_is_reached_twice_is_joined_once(tmp_path: Path) -> None:
    again = {**GOOD, "main.yaml": MAIN.replace("[parts/common.yaml]", "[parts/deeper.yaml, ./parts/common.yaml]")}
    assert len(graph_of(tmp_path, again)) == 4


@pytest.mark.parametrize(
    ("files", "expected"),
    {
        "a task twice": (
            {"parts/common.yaml": COMMON + "  end: {call: app:f}\n"},
            [("E314", "parts/common.yaml", 8)],
        ),
        "a function and a let twice": (
            {"parts/deeper.yaml": DEEPER + "let: {width: 3}\nfunctions:\n  shared: {call: app:f}\n"},
            [("E314", "parts/deeper.yaml", 4), ("E314", "parts/deeper.yaml", 6)],
        ),
        "a mistake in each file": (
            {
                "main.yaml": MAIN.replace("tasks.leaf", "tasks.leef"),
                "parts/common.yaml": COMMON.replace("${{ i }}", "${{ j }}"),
                "parts/deeper.yaml": DEEPER.replace("app:f", "app:f, retries: 3"),
            },
            [("E301", "main.yaml", 6), ("E203", "parts/common.yaml", 7), ("E114", "parts/deeper.yaml", 3)],
        ),
        "YAML that is broken, in each file": (
            {"parts/common.yaml": COMMON + "x-a: 012\n", "parts/deeper.yaml": DEEPER + "x-a: {1: 2}\n"},
            [("E014", "parts/common.yaml", 8), ("E013", "parts/deeper.yaml", 4)],
        ),
        "a file that is not there": (
            {"parts/common.yaml": COMMON.replace("deeper", "nowhere")},
            [("E001", "parts/common.yaml", 2)],
        ),
        "a folder": ({"main.yaml": MAIN.replace("parts/common.yaml", "parts")}, [("E001", "main.yaml", 4)]),
        "a path out of the folder": (
            {"parts/common.yaml": COMMON.replace("deeper.yaml", "../../etc.yaml")},
            [("E408", "parts/common.yaml", 2)],
        ),
        "an absolute path": (
            {"main.yaml": MAIN.replace("parts/common.yaml", "/etc/hosts")},
            [("E408", "main.yaml", 4)],
        ),
        "an expression": (
            {"main.yaml": MAIN.replace("parts/common.yaml", '"${{ params.n }}.yaml"')},
            [("E204", "main.yaml", 4)],
        ),
        "a NUL byte": ({"main.yaml": MAIN.replace("parts/common.yaml", '"a\\0b"')}, [("E001", "main.yaml", 4)]),
        "a circle": (
            {"parts/deeper.yaml": DEEPER + "include: [common.yaml]\n"},
            [("E317", "parts/deeper.yaml", 4)],
        ),
        "itself": ({"parts/deeper.yaml": DEEPER + "include: [deeper.yaml]\n"}, [("E317", "parts/deeper.yaml", 4)]),
        "the manifest itself": (
            {"parts/deeper.yaml": DEEPER + "include: [../main.yaml]\n"},
            [("E317", "parts/deeper.yaml", 4)],
        ),
        "a whole manifest": (
            {
                "parts/deeper.yaml": "# fragment\nspec: 1\nname: whole\nparams: {own: 1}\n"
                "tasks: {t: {call: 'beside:f', args: ['${{ params.own }}']}}\n"
            },
            [("E102", "parts/deeper.yaml", 3)],
        ),
        "sections of a manifest": (
            {"parts/deeper.yaml": DEEPER + "params: {m: 3}\nresult: 3\n"},
            [("E102", "parts/deeper.yaml", 4), ("E102", "parts/deeper.yaml", 5)],
        ),
        "another version of the language": (
            {"parts/deeper.yaml": DEEPER + "spec: 2\n"},
            [("E106", "parts/deeper.yaml", 4)],
        ),
        "an empty file": ({"parts/deeper.yaml": "# fragment\n"}, [("E009", "parts/deeper.yaml", 1)]),
        "a loop variable that hides the let of another file": (
            {"parts/deeper.yaml": DEEPER.replace("app:f", "app:f, foreach: {width: [1]}")},
            [("E111", "parts/deeper.yaml", 3)],
        ),
        "a function that is nowhere": (
            {"parts/deeper.yaml": DEEPER.replace("call: app:f", "use: sharde")},
            [("E301", "parts/deeper.yaml", 3)],
        ),
        "a cycle through files": (
            {"parts/deeper.yaml": DEEPER.replace("app:f", 'app:f, args: ["${{ tasks.end }}"]')},
            [("E302", "main.yaml", 6)],
        ),
    }.values(),
    ids=lambda value: "",
)
def test_a_mistake_is_reported_in_its_own_file(
    files: dict[str, str], expected: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    assert places(tmp_path, {**GOOD, **files}) == expected


def test_code_is_checked_where_it_is_written(tmp_path: Path) -> None:
    files = {**GOOD, "parts/deeper.yaml": DEEPER.replace("app:f", "app:g")}
    assert places(tmp_path, files, "plan") == [("E402", "parts/deeper.yaml", 3)]


def test_a_warning_is_ignored_in_its_own_file(tmp_path: Path) -> None:
    lonely = {**GOOD, "parts/deeper.yaml": DEEPER + "  lone: {call: app:f}\n"}
    assert places(tmp_path, lonely) == [("W301", "parts/deeper.yaml", 4)]
    quiet = {**GOOD, "parts/deeper.yaml": DEEPER + "  lone: {call: app:f}  # treadle: ignore[W301]\n"}
    assert places(tmp_path, quiet) == []


def test_a_fragment_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside.yaml").write_text(DEEPER, encoding="utf-8")
    write(inside, GOOD)
    (inside / "parts/deeper.yaml").unlink()
    (inside / "parts/deeper.yaml").symlink_to(tmp_path / "outside.yaml")
    found = examine(inside / "main.yaml", CompileOptions(), "graph").diagnostics
    assert [one.code for one in found] == ["E408"]


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    main = write(tmp_path, GOOD)
    (tmp_path / "parts/deeper.yaml").unlink()
    os.mkfifo(tmp_path / "parts/deeper.yaml")
    assert [one.code for one in examine(main, CompileOptions(), "graph").diagnostics] == ["E001"]


def test_every_file_has_the_budget_of_one_and_all_have_one_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {**GOOD, "parts/deeper.yaml": DEEPER + "#" * 1000}
    assert [one.code for one in examined(tmp_path, large, max_file_size=500).diagnostics] == ["E012"]
    monkeypatch.setattr(linking, "TOTAL_SIZE", 0)
    assert places(tmp_path, GOOD) == [("E012", "main.yaml", 4)]


def test_a_long_row_of_files_is_refused_where_it_grows_too_long(tmp_path: Path) -> None:
    row = {f"f{at}.yaml": f"# fragment\ninclude: [f{at + 1}.yaml]\n" for at in range(80)}
    files = {"main.yaml": "include: [f0.yaml]\ntasks: {a: {call: 'app:f'}}\n", **row}
    assert places(tmp_path, files) == [("E011", "f62.yaml", 2)]


def test_many_ways_to_one_broken_file_are_walked_once(tmp_path: Path) -> None:
    row = {f"f{at}.yaml": f"# fragment\ninclude: [f{at + 1}.yaml, ./f{at + 1}.yaml]\nbad: 1\n" for at in range(30)}
    files = {"main.yaml": "include: [f0.yaml]\ntasks: {a: {call: 'app:f'}}\n", **row, "f30.yaml": DEEPER}
    assert len(places(tmp_path, files)) == 30
