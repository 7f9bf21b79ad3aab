"""What real runs leave in the history: each launch once, whoever followed it, in files or in a Redis of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.emit.bundle import Build
from runtime.config import WorkerSettings
from runtime.errors import RunFailed
from runtime.history.place import open_history
from runtime.history.records import GraphHistory
from runtime.history.remembering import code_of, remember
from runtime.history.view import read_graphs
from runtime.launcher import launch
from runtime.results import RunResult
from tests.integration.running import CONCURRENCY, DEPLOYMENT, Bench, compile_at, write_workflow
from tests.shell import Shell, shell_at, wait_for

FUNCTIONS = """\
import pathlib

def part(number):
    return bytes(10_000 * (number + 1))

def total(parts, marker):
    if marker and not pathlib.Path(marker).exists():
        raise ValueError("not yet")
    return sum(map(len, parts))
"""
BODY = """\
params: {marker: ""}
tasks:
  part: {call: "functions:part", foreach: {n: "${{ range(8) }}"}, args: ["${{ n }}"]}
  total: {call: "functions:total", args: ["${{ tasks.part }}", "${{ params.marker }}"]}
result: ${{ tasks.total }}
"""
PARTS = 8


@pytest.fixture(params=["files", "redis"])
def place(request: pytest.FixtureRequest, bench: Bench) -> Iterator[str]:
    """Where the history lies: a URL, or "" for files. Nothing of it stays."""
    where = bench.stack.redis_url if request.param == "redis" else ""
    yield where
    with open_history(DEPLOYMENT, where or None) as store:
        for head in store.heads():
            store.remove(head.signature)


def run(bench: Bench, build: Build, place: str) -> RunResult:
    target = replace(bench.target, history=place)
    return launch(build.loaded, target, WorkerSettings(fan_out=CONCURRENCY))


def history_of(place: str, build: Build) -> GraphHistory:
    with open_history(DEPLOYMENT, place or None) as store:
        return read_graphs(store, store.heads()).graphs[build.loaded.graph_signature]


def samples(graph: GraphHistory, task: str) -> int:
    return sum(family.count for (name, _), family in graph.families.items() if name == task)


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_every_run_adds_each_of_its_tasks_once(bench: Bench, place: str, planner: str, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), planner)
    results = [run(bench, build, place) for _ in range(2)]
    with open_history(DEPLOYMENT, place or None) as store:
        assert results[0].timeline is not None
        assert not remember(store, results[0].timeline, code_of(build.loaded), "succeeded")
    graph = history_of(place, build)
    assert (samples(graph, "part"), samples(graph, "total")) == (2 * PARTS, 2)
    assert graph.makespans[planner, "average", "none"].maximum == pytest.approx(
        max(one.makespan_s for one in results), 1e-6
    )
    assert {row.run for row in graph.runs} == {one.run for one in results}
    starts = [
        relation.count
        for environment in graph.environments.values()
        for kind, relation in environment.kinds.items()
        if kind.startswith("start ")
    ]
    assert sum(starts) == sum(one.cold_starts + one.warm_starts for one in results)
    (family,) = [family for (task, _), family in graph.families.items() if task == "part"]
    assert 10_000 < family.outputs[""].whole().quantile(0.5) < 90_000


def test_a_run_that_failed_leaves_what_it_has_measured(bench: Bench, place: str, tmp_path: Path) -> None:
    path = write_workflow(tmp_path, BODY, FUNCTIONS)
    build = compile_at(path, "simple", marker=str(tmp_path / "never"))
    with pytest.raises(RunFailed):
        run(bench, build, place)
    graph = history_of(place, build)
    assert graph.states == {"failed": 1} and not graph.makespans
    assert samples(graph, "part") == PARTS and samples(graph, "total") == 0
    assert sum(family.failed.count for (task, _), family in graph.families.items() if task == "total") == 1


def test_a_target_that_keeps_no_history_gets_none(bench: Bench, tmp_path: Path) -> None:
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), "simple")
    bench.run(build)
    assert not [key for key in bench.client.scan_iter("*:history:*")]


def test_a_history_that_cannot_be_kept_is_a_warning(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), "simple")
    assert run(bench, build, f"unix://{tmp_path}/nobody.sock").result == sum(10_000 * n for n in range(1, PARTS + 1))
    assert "the run is not in the history" in caplog.text


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A user with a stack that is kept between runs."""
    shell = shell_at(tmp_path_factory.mktemp("home"))
    assert shell.call("local", "start")[0] == 0
    yield shell
    shell.call("local", "stop")


class TestCommandLine:
    """The same through processes: a failed run that is resumed, and one that is left to itself."""

    def test_launches_of_a_resumed_run_are_told_apart(self, shell: Shell, tmp_path: Path) -> None:
        path, marker = write_workflow(tmp_path, BODY, FUNCTIONS, name="resumed"), tmp_path / "marker"
        assert shell.call("run", path, "--set", f"marker={marker}")[0] == 1
        marker.touch()
        assert shell.call("run", "--resume", "last")[0] == 0
        found = shell.json("history", "show", "resumed")
        assert found["states"] == {"failed": 1, "resumed": 1} and found["makespans"] == []
        assert {row["task"]: row["samples"] for row in found["by_task"]} == {"part": PARTS, "total": 1}

    def test_of_a_run_that_was_left_to_itself_the_watchdog_keeps_it(self, shell: Shell, tmp_path: Path) -> None:
        path = write_workflow(tmp_path, BODY.replace("range(8)", "range(3)"), FUNCTIONS, name="detached")
        assert shell.call("run", path, "--detach")[0] == 0
        wait_for(lambda: shell.call("history", "show", "detached")[0] == 0, "the history of a detached run")
        assert shell.call("run", "--attach", "last")[0] == 0
        assert shell.json("history", "show", "detached")["states"] == {"succeeded": 1}
