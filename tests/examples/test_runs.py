"""The examples on real Lambda environments and a real Redis, under both planners, by the command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import redis

from tests.shell import END_S, ROOT, Shell, end, is_alive, shell_at, wait_for

MANIFESTS = ROOT / "manifests"


def run_keys(client: redis.Redis, run: str) -> list[bytes]:
    """The keys of runs whose id holds this text, besides their records."""
    return [key for key in client.scan_iter("treadle:local:{*") if run.encode() in key]


PLANNERS = ("simple", "wukong")


@pytest.mark.parametrize("planner", PLANNERS)
def test_hello(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    answer = kept[0].json("run", MANIFESTS / "hello/workflow.yaml", "--planner", planner, "--set", "who=Ada")
    assert answer["result"] == "Hello, Ada!"
    assert answer["planner"] == planner


@pytest.mark.parametrize("planner", PLANNERS)
def test_tree_reduction_leaves_the_sum_and_no_key(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    shell, client = kept
    answer = shell.json("run", MANIFESTS / "tree_reduction/workflow.yaml", "--planner", planner)
    assert answer["result"] == 512 * 511 // 2
    assert answer["tasks"] == 1023
    assert answer["workers"] > 1
    assert answer["makespan_s"] <= answer["wall_s"]
    assert run_keys(client, answer["run"]) == []


@pytest.mark.parametrize("planner", PLANNERS)
def test_gemm_agrees_with_numpy(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    file = MANIFESTS / "gemm/workflow.yaml"
    answer = kept[0].json("run", file, "--planner", planner, "--set", "n=100", "--set", "block=30")
    assert answer["result"]["ok"] is True
    assert answer["result"]["n"] == 100
    assert answer["bytes_moved"] > 0


@pytest.mark.parametrize("planner", PLANNERS)
def test_wordcount_counts_a_real_corpus_like_one_process_does(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    corpus = Path(json.__file__).parent
    options = ("--set", f"folder={corpus}", "--set", "chunks=5", "--input", 'words=["json", "absent"]')
    distributed = kept[0].json("run", MANIFESTS / "wordcount/workflow.yaml", "--planner", planner, *options)
    inline = kept[0].json("run", MANIFESTS / "wordcount/workflow.yaml", "--inline", *options)
    assert distributed["result"] == inline["result"]
    assert distributed["result"]["files"] >= 4
    assert distributed["result"]["total_words"] > 1000
    assert distributed["result"]["asked"]["json"] > 50
    assert distributed["result"]["asked"]["absent"] == 0


def test_image_pipeline_writes_a_picture(kept: tuple[Shell, redis.Redis], tmp_path: Path) -> None:
    output = tmp_path / "drawing.png"
    options = ("--set", f"output={output}", "--set", "rows=2", "--set", "columns=2")
    answer = kept[0].json("run", MANIFESTS / "image_pipeline/workflow.yaml", *options)
    assert answer["result"]["path"] == str(output)
    assert len(output.read_bytes()) == answer["result"]["bytes"] > 100_000


def test_train_test_passes_references_in_lists_and_dicts(kept: tuple[Shell, redis.Redis]) -> None:
    answer = kept[0].json("run", MANIFESTS / "train_test/workflow.yaml", "--planner", "wukong")
    assert answer["result"]["best"]["kind"] == "knn"
    assert [len(row) for row in answer["result"]["scores"]] == [3, 3]


TEXTS = {
    "a.txt": "No Warranty.\nThe end, the END\n",
    "b c.txt": "the $(x) 'warranty'; `y`\n\nnothing\tmore",
    "empty.txt": "",
}


@pytest.mark.parametrize("planner", PLANNERS)
def test_cli_tools_count_what_python_counts(kept: tuple[Shell, redis.Redis], planner: str, tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
    options = ("--set", f"folder={tmp_path}", "--set", f"names={json.dumps(list(TEXTS))}", "--set", "top=2")
    answer = kept[0].json("run", MANIFESTS / "cli_tools/workflow.yaml", "--planner", planner, *options)
    assert answer["tasks"] == 7 * len(TEXTS) + 1
    for name, text in TEXTS.items():
        words = sorted(re.findall("[a-z]+", text.lower()))
        top = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))[:2]
        lines = [f"{n}: {line}" for n, line in enumerate(text.split("\n"), 1) if "warranty" in line.lower()]
        assert answer["result"]["texts"][name] == {
            "words": len(words),
            "distinct": len(set(words)),
            "top": [[word, count] for word, count in top],
            "mentions": len(lines),
            "first": lines[0] if lines else None,
        }


@pytest.mark.parametrize("planner", PLANNERS)
def test_failed_task_is_shown_with_its_line_and_exit_code_1(
    kept: tuple[Shell, redis.Redis], planner: str, tmp_path: Path
) -> None:
    shell, client = kept
    file = MANIFESTS / "wordcount/workflow.yaml"
    code, _, err = shell.call("run", file, "--planner", planner, "--set", f"folder={tmp_path}")
    assert code == 1
    assert "no file that ends with '.py' below" in err
    assert "files" in err and "list_files" in err
    (run,) = [one["run"] for one in shell.json("runs") if one["state"] == "failed"]
    assert shell.call("clean", run)[0] == 0
    assert run_keys(client, run) == []


SLEEPER = """\
spec: 1
name: sleeper
params: {marker: {type: str}}
tasks:
  sleep: {call: "functions:sleep", args: ["${{ params.marker }}"]}
result: ${{ tasks.sleep }}
"""
SLEEP = """\
import os, pathlib, time

def sleep(marker):
    pathlib.Path(marker + ".new").write_text(str(os.getpid()))
    os.rename(marker + ".new", marker)
    time.sleep(600)
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Path:
    (tmp_path / "functions.py").write_text(SLEEP)
    (tmp_path / "workflow.yaml").write_text(SLEEPER)
    return tmp_path / "workflow.yaml"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_no_process(sleeper: Path, tmp_path: Path, number: signal.Signals) -> None:
    marker = tmp_path / "marker"
    process = shell_at(tmp_path).start("run", sleeper, "--set", f"marker={marker}")
    try:
        wait_for(marker.exists, "the task to begin")
        process.send_signal(number)
        _, err = process.communicate(timeout=END_S)
    finally:
        end(process)
    assert process.returncode == 130
    assert "cancelled" in err
    assert "Traceback" not in err
    wait_for(lambda: not is_alive(int(marker.read_text())), "the environment to end")


def test_interrupted_run_leaves_no_key(kept: tuple[Shell, redis.Redis], sleeper: Path, tmp_path: Path) -> None:
    shell, client = kept
    marker = tmp_path / "marker"
    process = shell.start("run", sleeper, "--set", f"marker={marker}")
    try:
        wait_for(marker.exists, "the task to begin")
        assert run_keys(client, "_sleeper_")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=END_S)
    finally:
        end(process)
    assert process.returncode == 130
    assert run_keys(client, "_sleeper_") == []


def test_launcher_of_a_bundle_gives_the_same_result(kept: tuple[Shell, redis.Redis], tmp_path: Path) -> None:
    shell, _ = kept
    folder = tmp_path / "bundle"
    shell.json("build", MANIFESTS / "tree_reduction/workflow.yaml", "--set", "leaves=16", "-o", folder)
    assert shell.json("run", folder)["result"] == 120
    done = subprocess.run(
        [sys.executable, folder / "launch.py", "--json"],
        cwd=tmp_path,
        env=shell.environ,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == 120


@pytest.mark.parametrize("planner", PLANNERS)
def test_code_survey_measures_each_package_as_its_own_workflow_does(
    kept: tuple[Shell, redis.Redis], planner: str
) -> None:
    shell = kept[0]
    options = ("--planner", planner, "--set", 'packages=["json", "email"]', "--set", "chunks=3")
    answer = shell.json("run", MANIFESTS / "code_survey/workflow.yaml", *options)
    alone = shell.json("run", MANIFESTS / "code_survey/package/package.yaml", "--input", "package=json", "--inline")
    rows = {row["package"]: row for row in answer["outputs"]["table"]}
    assert answer["tasks"] == (1 + 1 + 1) + (1 + 3 + 1) + 2
    assert rows["json"]["files"] == alone["result"]["files"]
    assert rows["email"]["files"] > 10
    assert len(answer["outputs"]["longest"]) == 3


@pytest.mark.parametrize("planner", PLANNERS)
def test_stations_that_fail_are_estimated_and_told(kept: tuple[Shell, redis.Redis], planner: str) -> None:
    answer = kept[0].json("run", MANIFESTS / "stations/workflow.yaml", "--planner", planner)
    assert answer["outputs"] == {
        "summary": {"readings": 4, "lowest": -12.0, "where": "summit"},
        "warning": "frost at summit: -12.0 degrees",
        "archived": "the archive is full",
    }
    failed = {record["task"]: record for record in answer["failures"]}
    assert {"archive", 'read["summit"]'} <= failed.keys() <= {"archive", 'read["summit"]', 'read["airport"]'}
    assert failed['read["summit"]']["attempt"] == 1


def test_stations_warn_of_nothing_when_the_condition_is_false(kept: tuple[Shell, redis.Redis]) -> None:
    answer = kept[0].json("run", MANIFESTS / "stations/workflow.yaml", "--set", "frost=-30")
    assert answer["outputs"]["warning"] is None
