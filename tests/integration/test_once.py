"""Each output is serialised once, whoever takes it and however it goes; each input is fetched once by a worker."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from tests.integration.running import CONCURRENCY, PATIENCE_S, Bench, compile_at, write_workflow

FUNCTIONS = """
import os

import numpy


class Counted:
    def __init__(self, folder, size):
        self.folder = folder
        self.data = numpy.zeros(size, dtype="u1")

    def __getstate__(self):
        with open(self.folder, "a") as file:
            file.write("x")
        return self.__dict__


def make(folder, size):
    return Counted(folder, size)


def take(value, *others):
    return len(value.data)


def fail(folder, value):
    raise OSError("on purpose")
"""
NEAR_AND_FAR = """
params: {folder: {type: str}, size: {type: int}}
tasks:
  made: {call: "functions:make", args: ["${{ params.folder }}", "${{ params.size }}"], worker: red}
  near: {call: "functions:take", foreach: {i: "${{ range(4) }}"}, args: ["${{ tasks.made }}", "${{ i }}"], worker: red}
  far: {call: "functions:take", foreach: {i: "${{ range(4) }}"}, args: ["${{ tasks.made }}", "${{ i }}"], worker: blue}
  third: {call: "functions:take", args: ["${{ tasks.made }}", "${{ tasks.far }}"], worker: green}
  again: {call: "functions:take", args: ["${{ tasks.made }}", "${{ tasks.third }}"], worker: blue}
result: ["${{ tasks.near }}", "${{ tasks.far }}", "${{ tasks.third }}", "${{ tasks.again }}"]
"""
FREE = re.sub(", worker: [a-z]+", "", NEAR_AND_FAR)
ONE = """  one: {call: "functions:take", args: ["${{ tasks.made }}"], worker: red}
result: ${{ tasks.one }}
"""
SIZES = {"in the commit": 100, "under a key": 200_000, "in chunks": 9_000_000, "in the object store": 20_000_000}


def times_pickled(bench: Bench, tmp_path: Path, body: str, size: int, planner: str) -> int:
    return run(bench, tmp_path, body, size, planner)[0]


def run(bench: Bench, tmp_path: Path, body: str, size: int, planner: str) -> tuple[int, int]:
    """How often the output was pickled, and how many invocations there were."""
    count = tmp_path / "count"
    count.touch()
    build = compile_at(write_workflow(tmp_path, body, FUNCTIONS), planner, folder=str(count), size=str(size))
    store = tmp_path / "store"
    store.mkdir()
    result = bench.run(build, WorkerSettings(fan_out=CONCURRENCY, object_store=str(store)))
    return len(count.read_text()), result.invocations


@contextmanager
def commands(bench: Bench) -> Iterator[list[str]]:
    """Every command that the server takes in this block."""
    seen: list[str] = []
    with bench.client.monitor() as monitor:

        def listen() -> None:
            for found in monitor.listen():
                seen.append(found["command"])
                if found["command"] == "ECHO over":
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        yield seen
        bench.client.echo("over")
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_an_output_is_pickled_once_however_it_goes(bench: Bench, tmp_path: Path, size: int) -> None:
    assert times_pickled(bench, tmp_path, NEAR_AND_FAR, size, "simple") == 1


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_an_output_is_pickled_once_by_flexible_workers(bench: Bench, tmp_path: Path, size: int) -> None:
    assert times_pickled(bench, tmp_path, FREE, size, "wukong") == 1


def test_an_output_that_stays_is_not_pickled_for_the_one_that_takes_it(bench: Bench, tmp_path: Path) -> None:
    body = NEAR_AND_FAR.partition("  near")[0] + ONE
    assert times_pickled(bench, tmp_path, body, 100, "simple") == 0


def test_an_invocation_fetches_an_input_once_for_all_its_tasks(bench: Bench, tmp_path: Path) -> None:
    with commands(bench) as seen:
        _, invocations = run(bench, tmp_path, NEAR_AND_FAR, 200_000, "simple")
    of_the_value = [command.partition(" ")[0] for command in seen if re.search(r"treadle:\S+/made}", command)]
    assert of_the_value.count("SET") == 1
    assert 2 <= of_the_value.count("GET") < invocations, "the worker that made it does not fetch it"
