"""Traces in WfFormat: what is read, which rule decides what a trace leaves open, and what is refused, all at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.importers.account import Account
from compiler.importers.edges import wire
from compiler.importers.scales import Scales
from compiler.importers.trace import Trace, TraceInvalid, Wiring
from compiler.importers.wfformat import read_wfformat
from tests.importers.traces import DIAMOND, task, trace_text


def wired(*tasks: dict[str, object]) -> tuple[Trace, Wiring]:
    trace = read_wfformat(trace_text(*tasks))
    return trace, wire(trace)


def edges(wiring: Wiring) -> list[tuple[str, str, str]]:
    return [(one.producer, "/".join(filter(None, one.file)), one.consumer) for one in wiring.transfers]


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(TraceInvalid) as caught:
        wire(read_wfformat(text))
    return caught.value.mistakes


def test_each_file_is_an_edge_of_its_own() -> None:
    trace, wiring = wired(*DIAMOND)
    assert edges(wiring) == [
        ("split_ID1", "a.txt", "half_ID2"),
        ("split_ID1", "b.txt", "half_ID3"),
        ("half_ID2", "a.out", "join_ID4"),
        ("half_ID3", "b.out", "join_ID4"),
    ]
    assert wiring.outside == {"half_ID2": {("", "db"): 10_000}, "half_ID3": {("", "db"): 10_000}}
    assert [one.category for one in trace.tasks] == ["split", "half", "half", "join"]
    assert trace.unused == {"machine": 1, "type": 4}
    assert wiring.notes == ("2 pairs of tasks are connected by files alone: their edges are kept",)


def test_ids_tell_tasks_apart_where_names_do_not() -> None:
    trace, wiring = wired(
        task("run", id="7", writes={"w1/out": 1}), task("run", id="8", reads={"w1/out": 1}, parents=["7"])
    )
    assert [one.key for one in trace.tasks] == ["7", "8"]
    assert edges(wiring) == [("7", "w1/out", "8")]
    unnamed, _ = wired(task("run"), task("run"))
    assert [one.key for one in unnamed.tasks] == ["run#0", "run#1"] and unnamed.notes


def test_a_file_is_known_by_its_path_and_name() -> None:
    _, wiring = wired(
        task("a", writes={"x/v": 1}),
        task("b", writes={"y/v": 2}),
        task("c", reads={"y/v": 2}),
        task("d", reads={"x/v": 1}),
    )
    assert edges(wiring) == [("b", "y/v", "c"), ("a", "x/v", "d")]


def test_a_file_without_its_path_is_that_of_its_name() -> None:
    _, wiring = wired(task("a", writes={"x/v": 5}), task("b", reads={"staged/v": 5}))
    assert edges(wiring) == [("a", "x/v", "b")]
    assert "b reads staged/v, which nobody wrote: it gets x/v" in wiring.notes


def test_of_several_writers_the_declared_parent_counts() -> None:
    _, wiring = wired(
        task("a", writes={"v": 1}), task("b", writes={"v": 2}), task("c", reads={"v": 1}, parents=["a"]), task("d")
    )
    assert edges(wiring) == [("a", "v", "c")]


def test_of_several_writers_without_a_parent_the_last_that_does_not_wait_for_the_reader_counts() -> None:
    _, wiring = wired(
        task("a", writes={"v": 1}),
        task("b", writes={"v": 2}),
        task("c", reads={"v": 2}, writes={"w": 1}),
        task("d", reads={"w": 1}, writes={"v": 3}),
    )
    assert edges(wiring) == [("b", "v", "c"), ("c", "w", "d")]
    assert any("3 tasks wrote the file v: c reads that of b" in note for note in wiring.notes)


def test_a_parent_that_gives_no_file_is_waited_for() -> None:
    _, wiring = wired(task("a", children=["b"]), task("b"), task("c", parents=["b"]))
    assert wiring.transfers == () and wiring.controls == (("a", "b"), ("b", "c"))


def test_a_file_that_a_task_changes_comes_from_outside_or_from_who_wrote_it_before() -> None:
    _, alone = wired(task("a", reads={"v": 4}, writes={"v": 5}))
    assert alone.outside == {"a": {("", "v"): 4}} and not alone.transfers
    _, after = wired(task("z", writes={"v": 4}), task("a", reads={"v": 4}, writes={"v": 5}, parents=["z"]))
    assert edges(after) == [("z", "v", "a")]


def test_two_sizes_of_one_file_are_said_and_what_was_written_counts() -> None:
    _, wiring = wired(task("a", writes={"v": 10}), task("b", reads={"v": 99}, parents=["a"]))
    assert wiring.transfers[0].bytes == 10
    assert wiring.notes == ("b reads 99 bytes of v, a wrote 10: what was written counts",)


@pytest.mark.parametrize("runtime", [None, -1.0, "5", True, float("nan"), float("inf"), 1e300, 10**400, [1]])
def test_a_time_that_is_missing_or_no_time_is_a_mistake(runtime: object) -> None:
    (said,) = mistakes(trace_text(task("slow", runtime=runtime)))
    assert said.startswith("workflow.tasks[0].runtimeInSeconds of slow is ")


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    found = mistakes(
        trace_text(
            task("a", runtime=-1, writes={"v": -5}),
            task("b", parents=["nobody"]),
            {"name": "c", "files": [{"link": "to"}]},
        )
    )
    assert len(found) == 5
    assert any("workflow.tasks[0].files[0].sizeInBytes of v of a is -5" in said for said in found)
    assert "workflow.tasks[1].parents: there is no task `nobody`" in found
    assert any(said.startswith("workflow.tasks[2].files[0]") for said in found)


def test_a_circle_is_named() -> None:
    (said,) = mistakes(
        trace_text(task("a", reads={"y": 1}, writes={"x": 1}), task("b", reads={"x": 1}, writes={"y": 1}))
    )
    assert said.startswith("tasks of the trace wait for one another: ") and "a -> b" in f"{said} -> {said[-1]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is not JSON"),
        ("[]", "it has no `workflow`"),
        ('{"workflow": 3}', "it has no `workflow`"),
        (trace_text(task("a"), version="1.7"), "its schemaVersion is '1.7'"),
        ('{"workflow": {"tasks": []}}', "it has no schemaVersion"),
        (trace_text(), "workflow.tasks is no list of tasks"),
        (trace_text(task("")), "workflow.tasks[0] has no name"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_what_is_no_trace_is_refused(text: str, said: str) -> None:
    assert mistakes(text)[0].startswith(said)


def split(tasks: Any, files: Any = None, execution: Any = None) -> str:
    """A trace in the layout of 1.5."""
    return json.dumps(
        {
            "name": "flow",
            "schemaVersion": "1.5",
            "workflow": {
                "specification": {"tasks": tasks, **({} if files is None else {"files": files})},
                **({} if execution is None else {"execution": {"tasks": execution}}),
            },
        }
    )


def row(key: str, reads: Sequence[str] = (), writes: Sequence[str] = (), parents: Sequence[str] = ()) -> dict[str, Any]:
    return {"name": "run", "id": key, "parents": [*parents], "inputFiles": [*reads], "outputFiles": [*writes]}


def took(key: str, runtime: object = 1.5) -> dict[str, Any]:
    return {"id": key, "runtimeInSeconds": runtime, "coreCount": 2}


def test_tasks_files_and_times_on_three_lists_are_one_trace() -> None:
    """In the layout since 1.5; of names that several tasks have their ids are shown."""
    text = split(
        [row("run_1", writes=["o/x"]), row("run_2", ["o/x", "db", "p/x"], parents=["run_1"])],
        [{"id": "o/x", "sizeInBytes": 7}, {"id": "db", "sizeInBytes": 9}, {"id": "p/x", "sizeInBytes": 1}],
        [took("run_2", 2), took("run_1", 1)],
    )
    trace = read_wfformat(text)
    wiring = wire(trace)
    assert [(one.key, one.name, one.category, one.runtime_s) for one in trace.tasks] == [
        ("run_1", "run_1", "run", 1.0),
        ("run_2", "run_2", "run", 2.0),
    ]
    assert edges(wiring) == [("run_1", "o/x", "run_2")] and wiring.transfers[0].bytes == 7
    assert wiring.outside == {"run_2": {("", "db"): 9, ("", "p/x"): 1}}, "an id is the whole of a file's name"
    assert trace.unused == {"coreCount": 2} and not wiring.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (split([row("a")]), "it has no `workflow.execution`: what its tasks took was not recorded"),
        (split([row("a"), row("b")], [], [took("a")]), "SPEC.tasks[1]: workflow.execution.tasks has no `b`"),
        (split([row("a")], [], [took("a"), took("c")]), "workflow.execution.tasks[1].id: there is no task `c` in SPEC"),
        (split([row("a"), row("a")], [], [took("a")]), "SPEC.tasks[1].id is `a`, as that of SPEC.tasks[0]"),
        (
            split([row("a", ["x"])], None, [took("a")]),
            "SPEC.tasks[0].inputFiles[0]: there is no file `x` in SPEC.files",
        ),
        (
            split([row("a", ["x"])], [{"id": "x", "sizeInBytes": -1}], [took("a")]),
            "SPEC.files[0].sizeInBytes of x is -1: it is to be a number of 0 to 1,000,000,000,000,000",
        ),
        (
            split([row("a")], [], [took("a", None)]),
            "workflow.execution.tasks[0].runtimeInSeconds of a is missing: it is to be a number of 0 to 1,000,000,000",
        ),
        (split([row("a", parents=["b"])], [], [took("a")]), "SPEC.tasks[0].parents: there is no task `b`"),
        (split([], [], [took("a")]), "SPEC.tasks is no list of tasks"),
        (split([row("a")], [3], [took("a")]), "SPEC.files is no list of files"),
    ],
)
def test_what_the_three_lists_do_not_agree_on_is_told_once_with_its_place(text: str, said: str) -> None:
    assert mistakes(text) == (said.replace("SPEC", "workflow.specification"),)


def test_a_child_that_is_no_task_is_noted_and_one_that_may_be_several_is_a_mistake() -> None:
    trace, _ = wired(task("a", children=["x"]))
    assert trace.notes == ("a has the child `x`, which is no task of the trace",)
    (said,) = mistakes(trace_text(task("a", children=["b"]), task("b"), task("b")))
    assert said == "workflow.tasks[0].children: `b` may be any of 2 tasks"


def test_a_program_whose_name_several_tasks_have_keeps_the_number_in_it() -> None:
    trace, _ = wired(task("bowtie2", id="1"), task("bowtie2", id="2"), task("fold_7", id="3"))
    assert [one.category for one in trace.tasks] == ["bowtie2", "bowtie2", "fold"]


NAMES = st.sampled_from(["x", "y", "z", "p/x", "q/x"])
FILES = st.dictionaries(NAMES, st.integers(0, 100), max_size=3)
TASKS = st.lists(st.tuples(FILES, FILES), min_size=1, max_size=6)


@given(TASKS)
def test_every_byte_is_accounted_for_and_every_order_is_possible(
    given_tasks: list[tuple[dict[str, int], dict[str, int]]],
) -> None:
    rows = [task(f"t{n}", reads=reads, writes=writes) for n, (reads, writes) in enumerate(given_tasks)]
    try:
        trace, wiring = wired(*rows)
    except TraceInvalid as fault:
        assert "wait for one another" in fault.mistakes[0]
        return
    account = Account.of(trace, wiring, Scales())
    assert account.edges + account.outside_reads == sum(len(reads) for reads, _ in given_tasks)
    assert account.bytes_written == sum(sum(writes.values()) for _, writes in given_tasks)
    places = {key: at for at, key in enumerate(wiring.order)}
    assert all(places[one.producer] < places[one.consumer] for one in wiring.transfers)
