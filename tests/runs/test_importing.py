"""What an imported file may hold: a run as treadle writes it, or it is refused; whatever is taken in can be shown."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.config import WorkerSettings
from runtime.errors import RuntimeFault
from runtime.failures import error_record
from runtime.measures.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.plan import Blob, Input, Ref
from runtime.report import fault_text, passed_text
from runtime.runs.finding import Found
from runtime.runs.importing import Foreign, read_foreign
from runtime.runs.logs import Written, encode_logs
from runtime.runs.package import INDEX, PackageInvalid, pack
from runtime.runs.record import Entry, Outcome, RunRecord, RunState, outcome_document, record_document
from runtime.runs.showing import ShownRun, shown_lines, shown_object
from runtime.runs.table import details, error_object, fault_of_run, passed_by, run_object, table
from runtime.timeline import InvocationSpans, Timeline, encode_timeline
from tests.results import run_result

RUN = "1795285753126_tree-reduction_bec2e953_3f10b89a325eb902"
ERROR = {
    **json.loads(error_record(task="t[1]", attempt=2, attempts=2, worker="w", kind="ValueError", message="é\x1b[2J")),
    "earlier": [{"attempt": 1, "type": "ValueError", "message": "a\nb"}],
}
RECORD = RunRecord(
    run=RUN,
    workflow="tree-reduction",
    planner="simple",
    sla="average",
    tasks=3,
    started=1795285753.1,
    launched=1795285753.1,
    bundle="d" * 64,
    blobs=("d" * 64,),
    graph="a" * 64,
    plan="b" * 64,
    inputs=("who",),
    settings=WorkerSettings(lease_s=3.0, renew_s=1.0, object_store="/home/somebody"),
    key="00" * 8,
    host="elsewhere",
)
RESULT = run_result(RUN, makespan_s=1.5, wall_s=2.0, tasks=3, bytes_moved=10, passed=(ERROR,))
ENDED = {
    "succeeded": Outcome(
        state=RunState.SUCCEEDED,
        ended=1795285754.0,
        result=RESULT,
        tree={"a": [Ref(0), Blob("e" * 64), Input("who", ())], "b": 1.5},
        edges=(("t", None),),
        is_kept=True,
    ),
    "failed": Outcome(
        state=RunState.FAILED,
        ended=1795285754.0,
        code="run-failed",
        reason="t\x1b[2J failed",
        hint="h",
        records=(ERROR,),
    ),
}
LOGS = (
    Written(
        run=RUN, worker="w", task="t[1]", keys=(1,), attempt=1, environment="000001", text="hello\n", is_open=False
    ),
)


def index(end: str) -> dict[str, Any]:
    ended = outcome_document(ENDED[end]) if end in ENDED else None
    found = {"format": "treadle run", "version": 1, "run": RUN, "record": record_document(RECORD), "outcome": ended}
    document: dict[str, Any] = json.loads(json.dumps({**found, "parts": ["slot:t"]}))
    return document


def taken(document: object, **members: bytes) -> Foreign:
    named = {f"{name}.json": data for name, data in members.items()}
    return read_foreign(pack({INDEX: json.dumps(document).encode(), "parts/0": b"sealed", **named}), "run.zip")


def shown(foreign: Foreign) -> str:
    """Everything that verbs show of a record; they must not fail, and what they say must not steer a terminal."""
    found = Found(entry=Entry(record=foreign.record, outcome=foreign.outcome, is_live=False), redis_url="", stack=None)
    json.dumps([run_object(found), error_object(found), asdict(foreign.record.settings)])
    fault = fault_of_run(found)
    lines = [*table([found], time.time()), *details(found, time.time()), passed_text(passed_by(found))]
    return "\n".join([*lines, *([fault_text(fault)] if fault else [])])


@pytest.mark.parametrize("end", ["succeeded", "failed", "interrupted"])
def test_run_is_taken_in_as_it_was_but_for_what_steers_a_terminal(end: str) -> None:
    foreign = taken(index(end), logs=encode_logs(LOGS), timeline=encode_timeline(TIMELINE))
    assert foreign.details.read_timeline() == TIMELINE
    assert foreign.record.is_imported and foreign.record.settings == RECORD.settings
    assert (foreign.parts, foreign.logs) == ({"slot:t": b"sealed"}, LOGS)
    assert "\x1b" not in shown(foreign)
    if end == "failed":
        assert foreign.outcome is not None
        assert foreign.outcome.reason == "t\N{REPLACEMENT CHARACTER}[2J failed"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run",), "1795285753126_other_bec2e953_3f10b89a325eb902"),
        (("record", "run"), "../../../../tmp/x"),
        (("record", "run"), "1_a_b_c"),
        (("record", "started"), "yesterday"),
        (("record", "tasks"), True),
        (("record", "workflow"), "a\x1b[2Jb"),
        (("record", "settings"), {"lease_s": "long"}),
        (("record", "settings"), {"no_such_setting": 1}),
        (("record", "no_such_field"), 1),
        (("outcome", "state"), "glorious"),
        (("outcome", "records"), [{"task": 1}]),
        (("outcome", "records"), ["oops"]),
        (("outcome", "records", 0, "earlier"), [{"attempt": "x"}]),
        (("outcome", "tree"), {"$r": [9]}),
        (("outcome", "edges"), [["t", 1]]),
        (("parts",), ["a", "b"]),
        (("parts",), [1]),
        (("format",), "another"),
        (("record",), []),
        ((), []),
    ],
)
def test_what_is_no_record_is_refused(path: tuple[str | int, ...], value: object) -> None:
    with pytest.raises(PackageInvalid, match=r"^run\.zip is no run that treadle wrote"):
        taken(_with(index("failed"), path, value))


@pytest.mark.parametrize("name", ["timeline", "graph", "plan", "logs"])
@pytest.mark.parametrize("data", [b"", b"{}", b'{"schema": "1.2"}', b"[" * 100_000, b"\xff", b'[{"keys": []}]'])
def test_details_of_another_run_or_of_none_are_refused(name: str, data: bytes) -> None:
    if (name, data) == ("logs", b"{}"):
        return
    with pytest.raises(RuntimeFault):
        taken(index("failed"), **{name: data})


def _with(document: Any, path: tuple[str | int, ...], value: object) -> Any:
    if not path:
        return value
    found = copy.deepcopy(document)
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return found


def _paths(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(below for key, item in items for below in _paths(item, (*path, key)))]


PLACES = [(end, path) for end in ("succeeded", "failed") for path in _paths(index(end))]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(PLACES), json_values)
def test_whatever_is_taken_in_can_be_shown(place: tuple[str, tuple[str | int, ...]], value: object) -> None:
    end, path = place
    try:
        foreign = taken(_with(index(end), path, value))
    except RuntimeFault:
        return
    assert "\x1b" not in shown(foreign)


TIMELINE = Timeline(
    run=RUN,
    workflow="tree-reduction",
    planner="simple",
    sla="average",
    graph_signature="3f10b89a325eb902",
    invoked_at=1795285753.1,
    last_commit=1795285754.0,
    invocations=(
        InvocationSpans(
            start_up=StartUp(
                run=RUN,
                worker="w",
                incarnation="t",
                env_class="c",
                memory_mb=1769,
                state="cold",
                invoke_time=1795285753.1,
                start_time=1795285753.4,
                ended_at=1795285754.1,
                begin_s=0.01,
                idle_s=0.2,
            ),
            spans=(
                TaskSpan(
                    task="t[1]",
                    attempt=1,
                    outcome="done",
                    started_at=1795285753.5,
                    exec_s=0.1,
                    wait_inputs_s=0.05,
                    commit_s=0.01,
                    committed_at=1795285753.9,
                    inputs=(InputSpan(slot="a", bytes=5, source="store", fetch_s=0.01),),
                    outputs=(OutputSpan(name=None, bytes=7, is_stored=True, serialize_s=0.001),),
                ),
            ),
            is_complete=True,
        ),
    ),
)
MEASURED: Any = json.loads(encode_timeline(TIMELINE))
extremes = st.sampled_from([-(2**53) + 1, 2**53 - 1, -1, 0, 1e15, -1e15, 1e-300, "\x1b[2J", "t[", "x" * 500])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(_paths(MEASURED)), json_values | extremes)
def test_whatever_timeline_is_taken_in_can_be_shown(path: tuple[str | int, ...], value: object) -> None:
    document = _with(MEASURED, path, value)
    try:
        foreign = taken(index("succeeded"), timeline=json.dumps(document).encode())
    except RuntimeFault:
        return
    found = Found(entry=Entry(record=foreign.record, outcome=foreign.outcome, is_live=False), redis_url="", stack=None)
    timeline = foreign.details.read_timeline()
    run = ShownRun(found=found, graph=None, classes=(), timeline=timeline, problems=())
    lines = list(shown_lines(run, with_timeline=True))
    assert not any("\x1b" in line for line in lines)
    json.dumps(shown_object(run, with_timeline=True), allow_nan=False)
