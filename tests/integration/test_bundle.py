"""A bundle runs where treadle is not: with cloudpickle, redis, boto3 and awslambdaric alone."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.integration.running import PLANNERS
from tests.shell import END_S, ROOT, Shell, shell_at

NEEDED = ("cloudpickle", "redis", "boto3", "awslambdaric")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return shell_at(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the four packages with what they require, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.EnvBuilder(symlinks=True).create(folder)
    (site,) = folder.glob("lib/python3*/site-packages")
    for place in top_levels(NEEDED):
        (site / place.name).symlink_to(place)
    return folder / "bin" / "python"


def top_levels(names: Iterable[str]) -> Iterator[Path]:
    """Packages, modules and metadata of these distributions and of all that they require."""
    for name in required(names):
        distribution = importlib.metadata.distribution(name)
        for top in sorted({file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}):
            yield Path(str(distribution.locate_file(top)))


def required(names: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            for text in importlib.metadata.requires(name) or ():
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    waiting.append(requirement.name.lower())
    return list(found)


def call(python: Path, *arguments: str | Path, shell: Shell, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *map(str, arguments)],
        cwd=folder,
        env=shell.environ,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )


@pytest.mark.parametrize("module", ["compiler", "runtime", "yaml", "jsonschema", "jinja2", "networkx", "httptools"])
def test_bare_interpreter_has_neither_treadle_nor_its_compilers_packages(
    bare_python: Path, shell: Shell, tmp_path: Path, module: str
) -> None:
    done = call(bare_python, "-c", f"import {module}", shell=shell, folder=tmp_path)
    assert f"No module named '{module}'" in done.stderr


CORPUS = ("--set", f"folder={Path(json.__file__).parent}", "--set", "chunks=3")
WORDS = ("--input", 'words=["json", "Import"]')


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize(
    "given",
    [("tree_reduction", ("--set", "leaves=32"), ()), ("wordcount", CORPUS, WORDS)],
    ids=lambda given: given[0],
)
def test_launcher_gives_the_same_result_without_treadle(
    bare_python: Path, shell: Shell, tmp_path: Path, given: tuple[str, tuple[str, ...], tuple[str, ...]], planner: str
) -> None:
    example, options, inputs = given
    arguments = (ROOT / "manifests" / example / "workflow.yaml", "--planner", planner, *options)
    shell.json("build", *arguments, "-o", tmp_path / "bundle")
    done = call(bare_python, tmp_path / "bundle" / "launch.py", "--json", *inputs, shell=shell, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["planner"] == planner
    assert answer["result"] == shell.json("run", *arguments, *inputs)["result"]


def test_launcher_tells_what_is_wrong_with_its_inputs(bare_python: Path, shell: Shell, tmp_path: Path) -> None:
    shell.json("build", ROOT / "manifests" / "wordcount" / "workflow.yaml", "-o", tmp_path / "bundle")
    launch = tmp_path / "bundle" / "launch.py"
    wrong = ("--input", "words=json", "--input", "word=json")
    done = call(bare_python, launch, *wrong, shell=shell, folder=tmp_path)
    assert done.returncode == 1
    assert "error[E208]: the input `words`: `json` is not a list[str]: write it as JSON" in done.stderr
    assert "error[E210]: there is no input `word`" in done.stderr and "write `words`" in done.stderr
    done = call(bare_python, launch, *WORDS, *WORDS, shell=shell, folder=tmp_path)
    assert done.returncode == 2
    assert "--input gives `words` twice" in done.stderr
    done = call(bare_python, launch, "--help", shell=shell, folder=tmp_path)
    assert "words: list[str] = []  words whose counts" in done.stdout


def test_launcher_tells_a_failed_task_as_treadle_does(bare_python: Path, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def fails():\n    return {}['absent']\n")
    manifest = tmp_path / "workflow.yaml"
    manifest.write_text('spec: 1\nname: wrong\ntasks:\n  a: {call: "functions:fails"}\nresult: ${{ tasks.a }}\n')
    shell.json("build", manifest, "-o", tmp_path / "bundle")
    done = call(bare_python, tmp_path / "bundle" / "launch.py", shell=shell, folder=tmp_path)
    assert done.returncode == 1
    assert "task a failed in attempt 1" in done.stderr
    assert "manifest line 4" in done.stderr
    assert 'File "functions.py", line 2, in fails' in done.stderr
    assert "runtime/" not in done.stderr
