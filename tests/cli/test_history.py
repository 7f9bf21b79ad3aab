"""`treadle history`: what it shows, what goes out comes in again once, and what is forgotten is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.history.codec import encode_graph
from runtime.history.gathering import Code, history_of
from runtime.history.place import open_history
from runtime.history.remembering import remember
from runtime.history.store import Head
from tests.cli.conftest import MANIFESTS, Called, Treadle
from tests.history.timelines import Shape

FLOW = Shape(signature="0123456789abcdef")
HELLO = MANIFESTS / "hello" / "workflow.yaml"


def fill(shape: Shape = FLOW, runs: int = 5, *, deployment: str = "local", code: Code | None = None) -> None:
    with open_history(deployment, None) as store:
        for timeline in shape.timelines(runs):
            assert remember(store, timeline, code or shape.code, "succeeded")


def refused(called: Called) -> str:
    assert called.code == 2 and called.out == ""
    return called.err


def test_without_runs_there_is_none(treadle: Treadle) -> None:
    assert treadle("history").err.startswith("there is no history in ")
    assert treadle("history", "--json").json == []
    assert "runs leave one" in refused(treadle("history", "show", "flow"))


def test_every_workflow_in_a_line(treadle: Treadle) -> None:
    fill()
    head, row = treadle("history").out.splitlines()
    assert head.split()[:4] == ["WORKFLOW", "GRAPH", "RUNS", "TASKS"]
    assert row.split()[:4] == ["flow", "01234567", "5", "4"]
    (found,) = treadle("history", "--json").json
    assert (found["runs"], found["tasks"], found["states"]) == (5, 4, {"succeeded": 5})
    assert found["makespans"][0]["seconds"]["count"] == 5


def test_a_workflow_by_task_and_class_of_environments(treadle: Treadle) -> None:
    fill()
    rows = [line.split() for line in treadle("history", "show", "flow").out.splitlines()]
    assert ["t0", "1769-x86_64-py311-none"] in [row[:2] for row in rows]
    assert ["1769-x86_64-py311-none", "start", "launch"] in [row[:3] for row in rows]
    found = treadle("history", "show", "0123", "--json").json
    row = next(row for row in found["by_task"] if row["task"] == "t0")
    assert row["samples"] == row["exec_s"]["count"] + (row["first_exec_s"] or {"count": 0})["count"]
    assert row["exec_s"]["p50"] <= row["exec_s"]["p90"] <= row["exec_s"]["p99"]


def test_a_task_by_the_size_of_its_input(treadle: Treadle) -> None:
    fill()
    called = treadle("history", "show", "flow", "t1")
    assert called.out.startswith("t1 in 512-x86_64-py311-none\n") and "below 16 KiB" in called.out
    (row,) = treadle("history", "show", "flow", "t1", "--json").json
    counts = [bucket["seconds"]["count"] for bucket in row["by_input_bytes"]]
    assert sum(counts) == row["exec_s"]["count"]
    assert "did you mean" in refused(treadle("history", "show", "flow", "tt1"))


def test_a_manifest_shows_what_its_code_took_in_any_graph(treadle: Treadle) -> None:
    build = compile_workflow(HELLO, CompileOptions())
    fingerprints = dict(build.loaded.graph().fingerprints)
    shape = Shape(tasks=4, families=1, workers=1)
    code = Code(fingerprints={"t0": fingerprints["greet"]}, code_bytes=100)
    fill(shape, code=code)
    (row,) = treadle("history", "show", HELLO, "--json").json["by_task"]
    assert row["task"] == "greet" and row["is_current"] and row["samples"] > 10
    assert "current" in treadle("history", "show", HELLO).out
    assert treadle("history", "show", HELLO, "greet").out.startswith("greet in ")


def test_code_that_has_changed_is_marked_with_what_it_took_before(treadle: Treadle) -> None:
    treadle("init", "--template", "map")
    (path,) = Path().rglob("workflow.yaml")
    build = compile_workflow(path, CompileOptions())
    task, *others = build.loaded.graph().fingerprints
    shape = Shape(tasks=4, families=1, workers=1)
    with open_history("local", None) as store:
        for timeline in shape.timelines(2):
            graph = history_of(timeline, shape.code, "succeeded")
            families = {(task, env): family for (_, env), family in graph.families.items()}
            renamed = replace(graph, workflow=build.loaded.name, families=families)
            store.add(Head.of(renamed), timeline.run, encode_graph(renamed))
    found = treadle("history", "show", path, "--json").json
    assert [row["is_current"] for row in found["by_task"]] == [False]
    assert found["unknown"] == sorted(others)
    assert "changed" in treadle("history", "show", path).out


def test_what_is_exported_is_imported_once(treadle: Treadle) -> None:
    fill()
    assert treadle("history", "export", "h.bin").code == 0
    assert "added flow (01234567), 5 runs" in treadle("history", "import", "h.bin", "--deployment", "other").out
    again = treadle("history", "import", "h.bin", "--deployment", "other")
    assert again.out == "" and "nothing of it was added" in again.err
    here, there = (
        treadle("history", "show", "flow", "--json", "--deployment", name).json for name in ("local", "other")
    )
    for found in (here, there):
        del found["bytes"]
    assert here == there


def test_histories_of_two_places_add_up(treadle: Treadle) -> None:
    fill(runs=3)
    later = Shape(signature=FLOW.signature, seed=9)
    fill(later, runs=4, deployment="other")
    treadle("history", "export", "h.bin", "flow", "--deployment", "other")
    assert treadle("history", "import", "h.bin", "--json").json["added"] == [FLOW.signature]
    assert treadle("history", "--json").json[0]["runs"] == 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: b"PK" + data, "is no exported history"),
        (lambda data: data[:-9], "is cut short"),
        (lambda data: data[:200] + b"\0\0" + data[202:], "part 1 of the file is damaged"),
        (lambda data: data.replace(b"histories 1", b"histories 7"), "of version 7, but this treadle reads 1"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(treadle: Treadle, change: object, said: str) -> None:
    fill()
    treadle("history", "export", "h.bin")
    Path("h.bin").write_bytes(change(Path("h.bin").read_bytes()))  # type: ignore[operator]
    called = treadle("history", "import", "h.bin", "--deployment", "other")
    assert called.code == 4 and said in called.err and "h.bin" in called.err
    assert treadle("history", "--deployment", "other", "--json").json == []


def test_what_is_forgotten_is_gone(treadle: Treadle) -> None:
    fill()
    fill(Shape(signature="f" * 16, seed=2))
    assert treadle("history", "forget", "f" * 16, "--yes").out == "forgot flow (ffffffff)\n"
    assert [graph["signature"] for graph in treadle("history", "--json").json] == [FLOW.signature]
    assert treadle("history", "forget", "--older-than", "30d", "--yes", "--json").json["forgotten"] == [FLOW.signature]
    assert treadle("history", "--json").json == []


def test_one_function_is_forgotten_wherever_it_is_called(treadle: Treadle) -> None:
    fill()
    fingerprint = FLOW.code.fingerprints["t1"][:16]
    treadle("history", "forget", "--fingerprint", fingerprint, "--yes")
    found = treadle("history", "show", "flow", "--json").json
    assert {row["task"] for row in found["by_task"]} == {"t0", "t2", "t3"}
    assert "too short" in refused(treadle("history", "forget", "--fingerprint", "00", "--yes"))


def test_nothing_is_forgotten_without_being_asked_for(treadle: Treadle) -> None:
    fill()
    assert "say --yes" in refused(treadle("history", "forget", "flow"))
    assert "one of them" in refused(treadle("history", "forget"))
    assert "one of them" in refused(treadle("history", "forget", "flow", "--all"))
    assert "is for `treadle history forget`" in refused(treadle("history", "--yes"))
    assert len(treadle("history", "--json").json) == 1


def test_a_part_that_a_newer_treadle_wrote_is_said_and_left_out(treadle: Treadle) -> None:
    fill()
    with open_history("local", None) as store:
        store.add(store.heads()[0], "newer", b"treadle history 9 ?")
    called = treadle("history", "show", "flow")
    assert called.code == 0 and "written by a newer treadle left out" in called.err
    assert "5 (5 succeeded)" in called.out
