"""Spans: what is encoded is what the schema says, comes back as it was, and nothing else is taken for a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from random import Random
from typing import Any

import jsonschema
import pytest

from runtime.errors import SchemaVersionUnsupported, StoreUnavailable
from runtime.measures.metrics import BATCH, MetricsSink
from runtime.measures.span_batches import SpanBatch, decode_entry, encode_batch, encode_invoked, row_of
from runtime.measures.spans import (
    Clustered,
    CpuTime,
    Deferred,
    Duplicated,
    InputSpan,
    OutputSpan,
    Preloaded,
    Prewarmed,
    StartUp,
    Streamed,
    TaskSpan,
)
from runtime.timeline import Timeline, TimelineUnreadable, decode_timeline, encode_timeline, gather

START = StartUp(
    run="1_tree_abc_def",
    worker="w0",
    incarnation="00ff",
    env_class="1769-x86_64-py311-none",
    memory_mb=1769,
    state="warm",
    invoke_time=1000.25,
    start_time=1000.5,
    clock_offset_s=-299.5,
    clock_error_s=0.0001,
    commits=3,
    bytes_in=10,
    bytes_out=20,
)
PLAIN = TaskSpan(task='leaf["é"]', attempt=1, outcome="done", started_at=1000.5, exec_s=0.000001)
SPAN = TaskSpan(
    task="add[1][0]",
    attempt=2,
    outcome="done",
    started_at=1000.75,
    exec_s=0.125,
    wait_inputs_s=0.25,
    commit_s=0.001,
    committed_at=1001.0,
    inputs=(InputSpan(slot="leaf[0]", bytes=61, source="store", fetch_s=0.0005),),
    local_inputs=1,
    local_bytes=28,
    outputs=(
        OutputSpan(name="a", bytes=80, is_stored=True, serialize_s=0.00001, upload_s=0.5),
        OutputSpan(name="b", bytes=7, is_stored=False),
    ),
    optimizations=(
        Preloaded(origin="user", tasks=("a",), bytes=10, used=5),
        Prewarmed(origin="treadle/prewarm", targets=("w1", "w2")),
        Duplicated(origin="user", tasks=("a", "b"), won=1),
        Streamed(origin="user", slots=("a",), bytes=3),
        Clustered(origin="user", tasks=()),
        Deferred(origin="user", slots=("a.x",), avoided=9),
    ),
)
TIMELINE = Timeline(
    run="1_tree_abc_def",
    workflow="tree",
    planner="simple",
    sla="average",
    graph_signature="def",
    invoked_at=1000.0,
    last_commit=1001.0,
    invocations=gather([encode_batch(SpanBatch(start_up=START, spans=(SPAN, PLAIN)))]).invocations,
    problems=("something else",),
)


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(files("schemas").joinpath("span.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_a_batch_fits_the_schema_and_reads_back() -> None:
    batch = SpanBatch(start_up=START, spans=(SPAN, PLAIN), number=3, is_last=False)
    text = encode_batch(batch)
    validator().validate(json.loads(text))
    assert decode_entry(text) == batch


def test_random_batches_fit_the_schema_and_keep_their_times_to_a_microsecond() -> None:
    check = validator()
    for seed in range(50):
        random = Random(seed)
        spans = tuple(
            replace(
                random.choice((SPAN, PLAIN)),
                started_at=START.start_time + random.uniform(-1, 1000),
                exec_s=random.expovariate(10),
                cpu=random.choice((None, CpuTime(used_s=random.expovariate(10), delay_s=0.25))),
                outcome=random.choice(("done", "failed", "cut", "skipped")),
                committed_at=random.choice((0.0, START.start_time + random.uniform(0, 1000))),
            )
            for _ in range(random.randrange(4))
        )
        text = encode_batch(SpanBatch(start_up=START, spans=spans))
        check.validate(json.loads(text))
        for one, other in zip(spans, decode_entry(text).spans, strict=True):
            assert abs(one.started_at - other.started_at) < 2e-6 and abs(one.exec_s - other.exec_s) < 1e-8
            assert abs(one.committed_at - other.committed_at) < 2e-6
            assert (one.cpu is None) == (other.cpu is None) and abs(one.alone_s - other.alone_s) < 1e-8
            assert (one.task, one.outcome, one.inputs, one.outputs) == (
                other.task,
                other.outcome,
                other.inputs,
                other.outputs,
            )


GOOD: dict[str, Any] = json.loads(encode_batch(SpanBatch(start_up=START, spans=(SPAN,))))


def changed(**parts: object) -> str:
    return json.dumps({**GOOD, **parts})


def with_row(at: int, value: object) -> str:
    row = list(GOOD["spans"][0])
    row[at] = value
    return changed(spans=[row])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "7",
        "nonsense",
        "[" * 100_000,
        json.dumps(GOOD)[:-7],
        changed(n=-1),
        changed(n=True),
        changed(last=1),
        changed(start={}),
        changed(start={**GOOD["start"], "more": 1}),
        changed(start={**GOOD["start"], "state": "tepid"}),
        changed(start={**GOOD["start"], "worker": None}),
        changed(start={**GOOD["start"], "peak_memory_mb": "much"}),
        changed(start={**GOOD["start"], "start_time": 1e300}),
        changed(start={**GOOD["start"], "start_time": float("nan")}),
        changed(start={**GOOD["start"], "bytes_in": 10**400}),
        changed(spans=None),
        changed(spans=[[1]]),
        changed(spans=[GOOD["spans"][0] + [[]]]),
        with_row(0, ["a"]),
        with_row(0, "a" * 100_000),
        with_row(2, "dead"),
        with_row(3, 0.5),
        with_row(4, -1),
        with_row(7, [["a"]]),
        with_row(8, [["a", 1, "thin air", 0]]),
        with_row(12, [{"kind": "__import__", "origin": "user"}]),
        with_row(12, [{"kind": "Clustered", "origin": "user", "tasks": "ab"}]),
        with_row(12, 5),
        " " * (17 * 1024 * 1024),
    ],
)
def test_what_is_no_batch_is_a_value_error_and_left_out_of_the_timeline(text: str) -> None:
    with pytest.raises(ValueError):
        decode_entry(text)
    found = gather([text, json.dumps(GOOD)])
    assert len(found.invocations) == 1 and len(found.problems) == 1


def test_a_batch_of_a_newer_schema_is_one_clear_message() -> None:
    with pytest.raises(SchemaVersionUnsupported, match="spans of schema version 4, but this treadle reads version 3"):
        decode_entry(changed(v=4, spans="whatever"))
    found = gather([changed(v=4)] * 2)
    assert not found.invocations and len(found.problems) == 1 and found.problems[0].startswith("2 of the batches")


def test_batches_that_come_twice_or_in_another_order_make_one_invocation() -> None:
    first = encode_batch(SpanBatch(start_up=replace(START, commits=1), spans=(PLAIN,), number=0, is_last=False))
    second = encode_batch(SpanBatch(start_up=START, spans=(SPAN,), number=1))
    found = gather([second, first, first, second])
    (invocation,) = found.invocations
    assert invocation.spans == (PLAIN, SPAN) and invocation.is_complete and not found.problems
    assert invocation.start_up == START
    (half,) = gather([first]).invocations
    assert not half.is_complete
    (other_half,) = gather([second]).invocations
    assert not other_half.is_complete and other_half.spans == (SPAN,)


def test_a_timeline_reads_back() -> None:
    assert decode_timeline(encode_timeline(TIMELINE)) == TIMELINE
    assert TIMELINE.makespan_s == 1.0 and TIMELINE.spans == (SPAN, PLAIN)


def test_a_damaged_or_newer_timeline_is_one_clear_message() -> None:
    data = encode_timeline(TIMELINE)
    for bad in (data[:-3], b"{}", b"[]", b"\xff", data.replace(b'"add[1][0]"', b"7")):
        with pytest.raises(TimelineUnreadable, match="is damaged"):
            decode_timeline(bad)
    with pytest.raises(SchemaVersionUnsupported, match="version 9"):
        decode_timeline(data.replace(b'{"v": 3', b'{"v": 9', 1))


def test_times_of_small_environments_are_normalised_by_their_cpu_share() -> None:
    assert START.normalised(2.0) == 2.0
    assert replace(START, exponent=1.0, memory_mb=1024).normalised(2.0) == 4.0
    assert replace(START, exponent=1.0, memory_mb=10_240).normalised(2.0) == pytest.approx(2.0 * 1769 / 512)


ROW = row_of(SPAN, START.start_time)


class List:
    """The run's list, which may be away: what came, came all the same."""

    def __init__(self, away: int = 0) -> None:
        self.texts: list[str] = []
        self.told: list[str] = []
        self._away = away

    def push(self, texts: Sequence[str], told: str) -> None:
        self.texts.extend(texts)
        self._away -= 1
        if self._away >= 0:
            raise StoreUnavailable("it came, and its answer did not")
        if told:
            self.told.append(told)


def test_the_sink_sends_everything_once_and_marks_and_tells_the_last_batch() -> None:
    there = List()
    MetricsSink(there.push).send(START, [ROW] * (BATCH + 1), is_last=True)
    batches = [decode_entry(text) for text in there.texts]
    assert [isinstance(batch, SpanBatch) and len(batch.spans) for batch in batches] == [BATCH, 1]
    assert [isinstance(batch, SpanBatch) and batch.is_last for batch in batches] == [False, True]
    assert json.loads(*there.told) == {"worker": START.worker, "token": START.incarnation}


def test_the_last_batch_is_sent_though_it_is_empty_and_others_are_not() -> None:
    there = List()
    sink = MetricsSink(there.push)
    sink.send(START, [], is_last=False)
    assert there.texts == []
    sink.send(START, [], is_last=True)
    assert decode_entry(*there.texts) == SpanBatch(start_up=START, spans=())


def test_what_could_not_be_sent_goes_again_as_it_was() -> None:
    there = List(away=2)
    sink = MetricsSink(there.push)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            sink.send(START, [ROW], is_last=False)
    sink.send(START, [], is_last=False)
    sink.send(START, [ROW], is_last=True)
    found = gather(there.texts)
    (invocation,) = found.invocations
    assert len(there.texts) == 6
    assert (len(invocation.spans), invocation.is_complete, found.problems) == (3, True, ())


def test_the_time_of_the_newest_launch_counts() -> None:
    found = gather([encode_invoked(1.5), encode_batch(SpanBatch(start_up=START, spans=())), encode_invoked(2.000001)])
    assert found.invoked_at == 2.000001 and len(found.invocations) == 1
    for bad in ('{"invoked": "soon"}', '{"invoked": -1}', '{"invoked": 1e400}', '{"invoked": 1, "more": 1}'):
        found = gather([encode_invoked(1.5), bad])
        assert found.invoked_at == 1.5 and len(found.problems) == 1


def test_an_early_batch_is_set_right_by_the_clock_of_the_newest() -> None:
    early = replace(START, start_time=START.start_time - 0.25)
    first = encode_batch(SpanBatch(start_up=early, spans=(replace(SPAN, started_at=1000.5),), number=0, is_last=False))
    second = encode_batch(SpanBatch(start_up=START, spans=(), number=1))
    (invocation,) = gather([first, second]).invocations
    assert [span.started_at for span in invocation.spans] == [pytest.approx(1000.75)]
    assert [span.committed_at for span in invocation.spans] == [pytest.approx(SPAN.committed_at)]


def mutated(value: Any, random: Random) -> Any:
    """`value` with one of its parts, at any depth, replaced, taken out or put in twice."""
    if isinstance(value, (list, dict)) and value and random.random() < 0.85:
        copy = value.copy()
        at = random.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
        match random.randrange(6):
            case 0:
                del copy[at]
            case 1 if isinstance(copy, list):
                copy.insert(at, copy[at])
            case _:
                copy[at] = mutated(copy[at], random)
        return copy
    return random.choice(STRANGE)


STRANGE: tuple[Any, ...] = (None, True, -1, 0, 1, 2**53, 10**30, 0.5, 1e308, "", "a", "\ud800", [], [[]], {}, {"a": 1})


def test_whatever_is_changed_in_a_batch_it_is_one_or_it_is_left_out() -> None:
    left_out = 0
    for seed in range(2_000):
        random = Random(seed)
        found = gather([json.dumps(mutated(GOOD, random))])
        left_out += bool(found.problems)
        for one in found.invocations:
            assert encode_batch(SpanBatch(start_up=one.start_up, spans=one.spans))
    assert 200 < left_out < 2_000
