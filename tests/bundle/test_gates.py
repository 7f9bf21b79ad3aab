"""Families with a gate: from `fanout.concurrency` to the records, the graph and who is let in at the launch."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.diagnostics import ManifestError
from compiler.emit.bundle import Build
from compiler.manifest.source import Source
from compiler.pipeline import CompileOptions, compile_workflow, plan_workflow, refuse_unsupported
from runtime.pages import decode_subdag
from runtime.plan import Gate, Task
from runtime.watch import rebuild_state

APP = "def f(*args): return args\n"
FAMILY = """\
spec: 1
name: gates
tasks:
  a: {call: "app:f"}
  b: {call: "app:f", foreach: {i: "${{ range(6) }}"}, args: ["${{ i }}"INPUT], FANOUT}
  c: {call: "app:f", args: ["${{ tasks.b }}"]}
"""


def source(folder: Path, fanout: str, given: str = "") -> Source:
    (folder / "app.py").write_text(APP)
    text = FAMILY.replace("FANOUT", fanout).replace("INPUT", given)
    return Source(file="workflow.yaml", text=text, root=folder)


def build(folder: Path, fanout: str, planner: str = "simple", given: str = "") -> Build:
    return compile_workflow(source(folder, fanout, given), CompileOptions(planner=planner, workers=3))


def records(made: Build) -> dict[str, Task]:
    bundle = made.loaded
    blobs = (*map(bundle.subdag, bundle.workers), *map(bundle.page, range(len(bundle.pages))))
    return {name: task for blob in blobs for name, task in decode_subdag(blob).tasks.items()}


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_records_edges_and_the_graph_say_the_gate(tmp_path: Path, planner: str) -> None:
    made = build(tmp_path, "fanout: {max: 9, concurrency: 2}", planner, ', "${{ tasks.a }}"')
    gate = Gate("b", 2)
    tasks = records(made)
    assert {task.gate for name, task in tasks.items() if name.startswith("b")} == {gate}
    assert {edge.gate for edge in tasks["a"].out_edges} == {gate}
    assert (tasks["c"].gate, {edge.gate for edge in tasks["b[0]"].out_edges}) == (None, {None})
    graph = made.loaded.graph()
    assert [gate for name, gate in zip(graph.names, graph.gates, strict=True) if name.startswith("b")] == [gate] * 6


@pytest.mark.parametrize("fanout", ["fanout: {max: 9}", "fanout: {max: 9, concurrency: 6}", "timeout: 1m"])
def test_a_gate_that_holds_nobody_up_is_none(tmp_path: Path, fanout: str) -> None:
    made = build(tmp_path, fanout)
    assert {task.gate for task in records(made).values()} == {None}
    assert set(made.loaded.graph().gates) == {None}


def test_the_least_of_what_instances_say_holds(tmp_path: Path) -> None:
    made = build(tmp_path, 'fanout: {max: 9, concurrency: "${{ i + 2 }}"}')
    assert records(made)["b[5]"].gate == Gate("b", 2)


def test_at_the_launch_places_are_spread_over_the_workers_and_the_others_wait_in_order(tmp_path: Path) -> None:
    made = build(tmp_path, "fanout: {max: 9, concurrency: 3}").loaded
    state = rebuild_state(made, fan_out=8)
    held = state.part.held["b"]
    assert len(held) == len(set(held.values())) == 3
    assert all(state.part.grants[worker][task] == -1 for task, worker in held.items())
    waiting = [waiter.task for waiter in state.part.lines["b"]]
    assert waiting == [f"b[{n}]" for n in range(6) if f"b[{n}]" not in held]


def test_at_the_launch_each_flexible_place_has_a_worker_of_its_own(tmp_path: Path) -> None:
    state = rebuild_state(build(tmp_path, "fanout: {max: 9, concurrency: 2}", "wukong").loaded, fan_out=8)
    assert state.part.held["b"] == {"b[0]": "~b[0]", "b[1]": "~b[1]"}
    assert {row.worker for row in state.rows if row.has_todo} >= {"~b[0]", "~b[1]"}
    assert [waiter.worker for waiter in state.part.lines["b"]] == [""] * 4


def test_what_tolerates_failures_is_refused_at_its_place(tmp_path: Path) -> None:
    text = source(tmp_path, "fanout: {max: 9, concurrency: 2, tolerate: 1}")
    with pytest.raises(ManifestError) as caught:
        refuse_unsupported(plan_workflow(text, CompileOptions()).graph)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.span.start.line) == ("E513", 5)
    assert "`fanout.tolerate`" in diagnostic.message
