"""`imports`: other manifests, found, pinned by digest and checked by themselves."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.linking.projects import examined, places, write

MAIN = """
imports: {etl: etl/etl.yaml}
tasks:
  sub: {workflow: etl, with: {n: 2}}
result: ${{ tasks.sub }}
"""
ETL = """
params: {n: {type: int}}
tasks:
  a: {call: own:f, foreach: {i: "${{ range(params.n) }}"}, args: ["${{ i }}"]}
result: ${{ tasks.a }}
"""
GOOD = {"main.yaml": MAIN, "etl/etl.yaml": ETL, "etl/own.py": "def f(x): return x\n"}
UNUSED = {**GOOD, "main.yaml": MAIN.replace("{workflow: etl, with: {n: 2}}", "{call: 'app:f'}")}


def pinned(folder: Path, digest: str) -> dict[str, str]:
    write(folder, GOOD)
    return {**GOOD, "main.yaml": MAIN.replace("etl/etl.yaml", f"{{path: etl/etl.yaml, sha256: '{digest}'}}")}


def digest_of(folder: Path) -> str:
    write(folder, GOOD)
    return hashlib.sha256((folder / "etl/etl.yaml").read_bytes()).hexdigest()


def test_an_import_brings_its_own_folder_of_code(tmp_path: Path) -> None:
    assert places(tmp_path, GOOD, "plan") == []


def test_the_digest_of_the_bytes_is_accepted(tmp_path: Path) -> None:
    assert places(tmp_path, pinned(tmp_path, digest_of(tmp_path))) == []


def test_another_file_is_refused_with_its_digest_and_no_edit_that_would_follow_it(tmp_path: Path) -> None:
    found = examined(tmp_path, pinned(tmp_path, "a" * 64)).diagnostics
    assert [(one.code, one.span.start.line if one.span else 0) for one in found] == [("E603", 3)]
    assert digest_of(tmp_path) in found[0].message
    assert found[0].fixes == ()


@pytest.mark.parametrize("digest", ["A" * 64, "a" * 63, "", "sha256:" + "a" * 64])
def test_a_digest_is_64_small_hexadecimal_digits(digest: str, tmp_path: Path) -> None:
    assert places(tmp_path, pinned(tmp_path, digest)) == [("E104", "main.yaml", 3)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"main.yaml": MAIN.replace("etl/etl.yaml", "nowhere.yaml")}, [("E001", "main.yaml", 3)]),
        ({"main.yaml": MAIN.replace("etl/etl.yaml", "etl")}, [("E001", "main.yaml", 3)]),
        ({"main.yaml": MAIN.replace("etl/etl.yaml", "../etl.yaml")}, [("E408", "main.yaml", 3)]),
        ({"main.yaml": MAIN.replace("etl/etl.yaml", "main.yaml")}, [("E317", "main.yaml", 3)]),
        ({"main.yaml": MAIN.replace("workflow: etl", "workflow: elt")}, [("E316", "main.yaml", 5)]),
        ({"etl/etl.yaml": ETL + "imports: {up: ../main.yaml}\n"}, [("E408", "etl/etl.yaml", 7)]),
        ({"etl/etl.yaml": ETL + "imports: {me: etl.yaml}\n"}, [("E317", "etl/etl.yaml", 7)]),
        ({"etl/etl.yaml": ETL.replace("tasks:", "tsks:")}, [("E102", "etl/etl.yaml", 4)]),
        ({"etl/etl.yaml": "# fragment\ntasks: {a: {call: 'own:f'}}\n"}, [("E101", "etl/etl.yaml", 1)] * 2),
        ({"etl/etl.yaml": ETL.replace("range(params.n)", "range(params.m)")}, [("E203", "etl/etl.yaml", 5)]),
        ({"etl/etl.yaml": ETL.replace("range(", "range(0 // (params.n - 2) + ")}, [("E213", "etl/etl.yaml", 5)]),
        ({"etl/own.py": "def g(x): return x\n"}, [("E402", "etl/etl.yaml", 5)]),
    ],
)
def test_a_mistake_is_reported_once_in_its_own_file(
    files: dict[str, str], expected: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    assert places(tmp_path, {**GOOD, **files}, "plan") == expected


def test_a_circle_of_imports_names_its_files(tmp_path: Path) -> None:
    files = {**GOOD, "main.yaml": MAIN.replace("etl/etl.yaml", "b.yaml"), "b.yaml": ETL + "imports: {up: main.yaml}\n"}
    found = examined(tmp_path, files).diagnostics
    assert [one.code for one in found] == ["E317"]
    assert found[0].message.replace(f"{tmp_path}/", "").endswith("main.yaml -> b.yaml -> main.yaml")


def test_an_import_that_no_task_uses_is_checked(tmp_path: Path) -> None:
    wrong = {**UNUSED, "etl/etl.yaml": ETL.replace("args: [", "args: ['${{ tasks.b }}', ")}
    assert places(tmp_path, UNUSED) == []
    assert places(tmp_path, wrong) == [("E301", "etl/etl.yaml", 5)]


def test_what_an_unused_import_lacks_without_its_params_is_no_mistake(tmp_path: Path) -> None:
    with_default = {**UNUSED, "etl/etl.yaml": ETL.replace("{type: int}", "{type: int, default: -1, min: 0}")}
    assert places(tmp_path, with_default) == [("E208", "etl/etl.yaml", 3)]


def test_a_mistake_that_comes_of_the_params_says_who_gave_them(tmp_path: Path) -> None:
    files = {**GOOD, "etl/etl.yaml": ETL.replace("${{ i }}", "${{ 6 // (i - 1) }}")}
    found = examined(tmp_path, files).diagnostics
    assert [(one.code, one.instance, one.bindings) for one in found] == [("E213", "a[1]", {"i": 1})]
    assert [other.message for other in found[0].related] == ["expanded for sub here"]


def test_one_file_under_two_names_is_checked_once(tmp_path: Path) -> None:
    twice = MAIN.replace("imports: {", "imports: {other: etl/../etl/etl.yaml, ")
    files = {**GOOD, "main.yaml": twice, "etl/etl.yaml": ETL.replace("${{ i }}", "${{ j }}")}
    assert places(tmp_path, files) == [("E203", "etl/etl.yaml", 5)]


def test_an_import_includes_from_its_own_folder(tmp_path: Path) -> None:
    part = "# fragment\ntasks:\n  b: {call: own:f, args: [1, 2]}\n"
    files = {**GOOD, "etl/etl.yaml": GOOD["etl/etl.yaml"] + "include: [b.yaml]\n", "etl/b.yaml": part}
    assert places(tmp_path, files, "plan") == [("E403", "etl/b.yaml", 3)]


def test_warnings_of_an_import_stand_in_its_file(tmp_path: Path) -> None:
    files = {**GOOD, "etl/etl.yaml": GOOD["etl/etl.yaml"] + "  \nlet: {answer: no}\n"}
    assert places(tmp_path, files, "plan") == [("W014", "etl/etl.yaml", 8)]
