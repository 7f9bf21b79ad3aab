"""What a Lambda environment loads before its first task: `sys.modules` of the handler, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_imports import CLIENT_SIDE, HEAVY, ROOT, within

PROBE = "import json, sys, runtime.lambda_handler; print(json.dumps(sorted(sys.modules)))"


def test_handler_loads_nothing_heavy_and_nothing_of_the_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(done.stdout)
    tops = {name.partition(".")[0] for name in loaded}
    assert "compiler" not in tops
    assert not HEAVY & tops
    assert not [name for name in loaded if any(within(name, client) for client in CLIENT_SIDE)]


def test_command_line_answers_without_loading_the_compiler() -> None:
    probe = "import json, sys, compiler.cli; compiler.cli.main(['version']); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    tops = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert not (HEAVY | {"redis", "cloudpickle"}) & tops


NOT_FOR_VALIDATE = frozenset(
    {
        *("networkx", "numpy", "jsonschema", "redis", "boto3", "botocore", "asyncio", "cloudpickle", "re2"),
        *("compiler.emit", "compiler.planner.simple", "compiler.planner.wukong", "compiler.planner.strategies"),
        *("importlib.metadata", "email", "tomllib", "difflib", "runtime.bundle", "runtime.pages", "jinja2"),
    }
)
"""What checking a sound manifest of plain references has no use for: an editor waits for it on every save."""


def test_validate_loads_only_what_it_checks_with() -> None:
    words = "['validate', 'manifests/hello/workflow.yaml']"
    probe = f"import json, sys, compiler.cli; compiler.cli.main({words}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not [name for name in loaded if any(within(name, one) for one in NOT_FOR_VALIDATE)]


def loaded_by(words: list[str], folder: Path) -> set[str]:
    """The modules that a verb has loaded for the smallest workflow, of which nothing is known."""
    called = [words[0], str(ROOT / "manifests/hello/workflow.yaml"), *words[1:]]
    probe = f"import json, sys, compiler.cli; compiler.cli.main({called}); print(json.dumps(sorted(sys.modules)))"
    env = {**os.environ, "XDG_STATE_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words", [["plan"], ["plan", "--json"], ["plan", "--no-outlook"], ["build", "-o", "made"]], ids=" ".join
)
def test_a_plan_that_asks_no_history_loads_no_predictions(words: list[str], tmp_path: Path) -> None:
    loaded = loaded_by([*words, "--planner", "simple"], tmp_path)
    assert "compiler.planner.simple" in loaded
    assert not {"numpy", "redis", "boto3", "compiler.predict.predictions", "compiler.planner.treadle"} & loaded


def test_a_plan_of_guesses_loads_no_part_of_a_service_and_of_numpy_what_it_needs(tmp_path: Path) -> None:
    loaded = loaded_by(["plan"], tmp_path)
    assert {"numpy", "compiler.planner.treadle"} <= loaded
    assert not {"numpy.ma", "asyncio", "http.client", "redis", "boto3"} & loaded
