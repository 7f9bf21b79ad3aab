"""A bundle on disk: written whole, equal wherever it was made, and launched from its own folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from compiler.emit.bundle import make_build
from compiler.emit.closure import shipped_closure
from compiler.emit.write import OutputRefused, write_bundle
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from runtime.bundle import load_bundle
from runtime.errors import BundleInvalid
from tests.factories import make_functions, make_tree

ROOT = Path(__file__).resolve().parents[2]

BUILD_ONE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from compiler.emit.bundle import make_build
from compiler.emit.closure import shipped_closure
from compiler.emit.write import write_bundle
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from compiler.planner.wukong import wukong
from tests.factories import graph_of, make_functions
graph = graph_of(
    {"a": [], "b": ["a.x"], "c": ["a.y"], "d": ["b", "c"]},
    outputs={"a": ("x", "y")},
    pins={"b": "one"},
    memory_mb={"c": 512, "d": 256},
)
for strategy in (simple, wukong):
    build = make_build(graph, strategy(graph, PlanOptions()), make_functions(graph))
    write_bundle(build, Path(strategy.__name__))
    print(build.digest)
"""


@pytest.fixture(scope="module")
def build():
    graph = make_tree(8)
    return make_build(graph, simple(graph, PlanOptions()), make_functions(graph))


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_written_bundle_is_loaded_as_it_was_built(build, tmp_path):
    bundle = load_bundle(write_bundle(build, tmp_path / "out"))
    bundle.verify()
    assert bundle.digest == build.digest
    assert bundle.entries == build.loaded.entries


def test_nothing_but_the_bundle_is_left(build, tmp_path):
    write_bundle(build, tmp_path / "deep" / "out")
    write_bundle(build, tmp_path / "deep" / "out")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == {
        "treadle-bundle.json",
        "launch.py",
        "build-info.json",
        "blobs",
    }


def test_a_folder_that_is_no_bundle_is_not_touched(build, tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(OutputRefused, match="no bundle"):
        write_bundle(build, tmp_path)
    assert files_of(tmp_path) == {"mine.txt": b"dear"}


def test_a_file_in_the_way_is_refused(build, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputRefused):
        write_bundle(build, tmp_path / "file")
    with pytest.raises(OutputRefused):
        write_bundle(build, tmp_path / "file" / "below")


def test_time_and_host_are_in_no_digest(build, tmp_path):
    folder = write_bundle(build, tmp_path / "out")
    info = json.loads((folder / "build-info.json").read_text())
    assert info["bundle"] == build.digest and info["built_at"] and info["treadle"]
    (folder / "build-info.json").unlink()
    load_bundle(folder).verify()


def test_what_is_no_bundle_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent", Path(__file__)):
        with pytest.raises(BundleInvalid, match=r"no treadle-bundle\.json"):
            load_bundle(path)


def test_a_deleted_blob_and_a_flipped_byte_are_found(build, tmp_path):
    folder = write_bundle(build, tmp_path / "out")
    for path in sorted((folder / "blobs" / "sha256").iterdir()):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 255]) if data else b"x")
        with pytest.raises(BundleInvalid, match="changed"):
            load_bundle(folder).verify()
        path.unlink()
        with pytest.raises(BundleInvalid, match="missing"):
            load_bundle(folder).verify()
        path.write_bytes(data)


def test_builds_are_equal_whatever_seed_zone_umask_and_folder(tmp_path):
    outputs = []
    for number, (seed, zone, umask) in enumerate((("0", "UTC", 0o022), ("12345", "Asia/Kathmandu", 0o077))):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", BUILD_ONE, str(ROOT)],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            umask=umask,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append((done.stdout, {k: v for k, v in files_of(folder).items() if "build-info" not in k}))
    assert outputs[0] == outputs[1]
    for data in outputs[0][1].values():
        assert str(tmp_path).encode() not in data and str(ROOT).encode() not in data


def test_the_shipped_closure_is_closed(tmp_path):
    zipfile.ZipFile(io.BytesIO(shipped_closure())).extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import importlib, pathlib
for path in sorted(pathlib.Path({str(tmp_path)!r}).rglob("*.py")):
    parts = path.relative_to({str(tmp_path)!r}).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    assert module.__file__.startswith({str(tmp_path)!r}), module.__file__
print("runtime.lambda_handler" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def launch(folder, home, *, env=None):
    """Run `launch.py` isolated from the repository, far enough to see which runtime it takes."""
    code = f"""
import runpy, sys
script = runpy.run_path({str(folder / "launch.py")!r}, run_name="probe")
sys.path.insert(0, str(script["unpacked"](script["carried_runtime"]())))
import runtime.plan
print(runtime.plan.__file__)
"""
    return subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_launch_takes_the_runtime_that_the_bundle_carries(build, tmp_path):
    folder = write_bundle(build, tmp_path / "out")
    home = tmp_path / "home"
    first, second = (launch(folder, home).stdout for _ in range(2))
    assert first == second and first.startswith(str(home)) and build.loaded.package in first


def test_launch_repairs_a_spoiled_cache(build, tmp_path):
    folder, home = write_bundle(build, tmp_path / "out"), tmp_path / "home"
    path = Path(launch(folder, home).stdout.strip())
    path.write_text("raise SystemExit('spoiled')")
    again = launch(folder, home)
    assert again.returncode == 0 and "spoiled" not in again.stderr


def test_launch_works_where_the_home_cannot_be_written(build, tmp_path):
    folder = write_bundle(build, tmp_path / "out")
    (tmp_path / "home").write_text("a file, no folder")
    done = launch(folder, tmp_path / "home", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0 and done.stdout.startswith(str(tmp_path))


def test_launch_refuses_a_changed_runtime(build, tmp_path):
    folder = write_bundle(build, tmp_path / "out")
    (folder / "blobs" / "sha256" / build.loaded.package).write_bytes(b"changed")
    done = launch(folder, tmp_path / "home")
    assert done.returncode == 4 and "E603" in done.stderr and "Traceback" not in done.stderr
