"""From a graph to functions and units, and from units back to callables."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import pytest

from compiler.code.units import Functions, collect_functions
from compiler.diagnostics import ManifestError
from compiler.graph.expand import expand
from compiler.manifest.model import Source
from compiler.manifest.parse import load_manifest
from runtime.code import CodeLoader
from runtime.unit import unit_digest

MANIFEST = """\
functions:
  shared: {call: "zz_app:double"}
tasks:
  a: {use: shared, args: [1]}
  b: {use: shared, args: [2]}
  c: {call: "zz_app:total", args: [[1, 2]], foreach: {i: [1, 2, 3]}}
  d: {call: "zz_lib/deep.py:name"}
  e: {call: "posixpath:join", args: [x, y]}
  f: {exec: [echo, hi]}
"""


def collect(root: Path, manifest: str = MANIFEST) -> Functions:
    source = Source(file="w.yaml", text="spec: 1\nname: t\n" + textwrap.dedent(manifest), root=root)
    return collect_functions(expand(load_manifest(source), {}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "one"
    (root / "zz_lib").mkdir(parents=True)
    (root / "zz_app.py").write_text(
        "from functools import partial\nimport zz_lib.deep\n"
        "def times(n, x): return n * x\ndouble = partial(times, 2)\ndef total(xs): return sum(xs)\n"
    )
    (root / "zz_lib" / "deep.py").write_text("def name(): return __name__, __file__\n")
    return root


def test_a_unit_is_stored_once_whatever_uses_it(project: Path) -> None:
    found = collect(project)
    units = [function.unit for function in found.by_family]
    assert len(found.by_family) == len(found.fingerprints) == 6
    assert units[0] == units[1] == units[2] != units[3]
    assert set(units[:5]) == set(found.units)
    assert set(units[5:]) == set(found.files)
    assert all(unit_digest(data) == digest for digest, data in found.units.items())


def test_functions_of_one_module_have_fingerprints_of_their_own(project: Path) -> None:
    marks = collect(project).fingerprints
    assert marks[0] == marks[1]
    assert len(set(marks)) == 5


def test_a_worker_calls_what_the_compiler_collected(project: Path) -> None:
    found = collect(project)
    loader = CodeLoader(lambda digests: [found.units[digest] for digest in digests])
    try:
        double, _, total, name, join, _ = found.by_family
        assert loader.load(double)(4) == 8
        assert loader.load(total)([1, 2]) == 3
        assert loader.load(name)() == ("zz_lib.deep", "zz_lib/deep.py")
        assert loader.load(join)("x", "y") == "x/y"
    finally:
        loader.close()


def test_an_inline_run_has_the_real_files_for_a_debugger(project: Path) -> None:
    found = collect(project)
    loader = CodeLoader(lambda digests: [found.units[digest] for digest in digests], source_root=str(project))
    try:
        assert loader.load(found.by_family[3])() == ("zz_lib.deep", str(project / "zz_lib" / "deep.py"))
        assert loader.user_files[str(project / "zz_lib" / "deep.py")] == "zz_lib/deep.py"
    finally:
        loader.close()


def test_the_folder_is_in_no_unit_and_no_fingerprint(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another" / "place"
    shutil.copytree(project, elsewhere)
    here, there = collect(project), collect(elsewhere)
    assert dict(here.units) == dict(there.units)
    assert here.fingerprints == there.fingerprints


def test_a_comment_changes_the_unit_but_not_the_fingerprint(project: Path) -> None:
    before = collect(project)
    app = project / "zz_app.py"
    app.write_text("# new\n" + app.read_text())
    after = collect(project)
    assert before.by_family[0].unit != after.by_family[0].unit
    assert before.fingerprints == after.fingerprints


def test_code_that_cannot_be_read_is_a_diagnostic_at_its_call(project: Path) -> None:
    (project / "zz_app.py").write_text("def broken(:\n")
    with pytest.raises(ManifestError) as caught:
        collect(project)
    assert {(one.code, one.span.start.line) for one in caught.value.diagnostics if one.span} == {
        ("E406", 4),
        ("E406", 8),
    }
