"""A history: gathered from timelines, merged in any order to the same bytes, bounded, and read back as it was."""

from __future__ import annotations

import json
import zlib
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.history.codec import (
    MAGIC,
    VERSION,
    HistoryNewer,
    HistoryOlder,
    HistoryUnreadable,
    decode_graph,
    encode_graph,
)
from runtime.history.gathering import Code, history_of, launch_mark
from runtime.history.records import (
    KEPT_ENVIRONMENTS,
    KEPT_FAMILY_RUNS,
    KEPT_RUNS,
    SAMPLES_PER_RUN,
    GraphHistory,
    class_of,
    merge_graphs,
)
from runtime.history.tables import (
    Task,
    environment_object,
    family_lines,
    graph_lines,
    head_lines,
    task_lines,
    task_object,
)
from runtime.measures.spans import CpuTime, InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.timeline import InvocationSpans, Timeline
from tests.history.timelines import CLASSES, Shape

SHAPE = Shape()
ENV = CLASSES[0][1]
CODE = Code(fingerprints={"a": "f" * 64, "b": "e" * 64}, code_bytes=5_000)


def histories(count: int, shape: Shape = SHAPE) -> list[GraphHistory]:
    return [history_of(timeline, shape.code, "succeeded") for timeline in shape.timelines(count)]


def span(task: str = "a", outcome: str = "done", **fields: object) -> TaskSpan:
    given: dict[str, object] = {"attempt": 1, "started_at": 100.5, "exec_s": 0.25, **fields}
    return TaskSpan(task=task, outcome=outcome, **given)  # type: ignore[arg-type]


def invocation(*spans: TaskSpan, state: str = "warm", sent_at: float = 100.0, **fields: object) -> InvocationSpans:
    start_up = StartUp(
        run="r",
        worker="w",
        incarnation=f"{sent_at}",
        env_class=ENV,
        memory_mb=1769,
        state=state,
        invoke_time=sent_at,
        start_time=sent_at + 0.02,
        **fields,  # type: ignore[arg-type]
    )
    return InvocationSpans(start_up=start_up, spans=spans, is_complete=True)


def timeline(*invocations: InvocationSpans, invoked_at: float = 100.0) -> Timeline:
    return Timeline(
        run="1700000000000_my_flow_0badcafe_5151515151515151",
        workflow="my_flow",
        planner="simple",
        sla="average",
        graph_signature="5151515151515151",
        invoked_at=invoked_at,
        last_commit=invoked_at + 2,
        invocations=invocations,
    )


def test_merged_in_any_order_it_has_the_same_bytes() -> None:
    runs = histories(30)
    whole = encode_graph(merge_graphs(runs))
    for seed in range(5):
        shuffled = Random(seed).sample(runs, len(runs))
        pairs = [merge_graphs(shuffled[at : at + 7]) for at in range(0, len(shuffled), 7)]
        assert encode_graph(merge_graphs(pairs)) == whole


def test_what_is_written_is_read_back() -> None:
    graph = merge_graphs(histories(3))
    assert decode_graph(encode_graph(graph)) == graph


def test_its_size_does_not_grow_with_the_runs() -> None:
    shape = Shape(tasks=8, families=2, workers=2)
    runs = (history_of(timeline, shape.code, "succeeded") for timeline in shape.timelines(400))
    whole, sizes = next(runs), []
    while part := list(islice(runs, 100)):
        whole = merge_graphs([whole, *part])
        sizes.append(len(encode_graph(whole)))
    assert sizes[-1] < 1.15 * sizes[-2]
    assert len(whole.runs) == KEPT_RUNS and whole.run_count == 400
    assert all(len(family.recent) == KEPT_FAMILY_RUNS for family in whole.families.values())
    assert all(len(run.samples) <= SAMPLES_PER_RUN for family in whole.families.values() for run in family.recent)


def test_classes_of_environments_that_were_not_seen_for_long_are_forgotten() -> None:
    one = history_of(timeline(invocation(span())), CODE, "succeeded")
    family, environment = one.families["a", ENV], one.environments[ENV]
    many = [
        replace(
            one,
            families={("a", f"class{n}"): replace(family, seen_at=float(n))},
            environments={f"class{n}": replace(environment, seen_at=float(n))},
        )
        for n in range(2 * KEPT_ENVIRONMENTS)
    ]
    kept = merge_graphs(many)
    assert set(kept.environments) == {f"class{n}" for n in range(KEPT_ENVIRONMENTS, 2 * KEPT_ENVIRONMENTS)}
    assert {env for _, env in kept.families} == set(kept.environments)


def test_attempts_are_told_apart_by_how_they_ended() -> None:
    spans = (
        span("a[1]", started_at=101.0),
        span("a[2]", exec_s=0.5),
        span("a[3]", "failed", exec_s=9.0),
        span("a[4]", "cut", exec_s=8.0),
        span("a[5]", "skipped", exec_s=0.0),
    )
    family = history_of(timeline(invocation(*spans)), CODE, "failed").families["a", ENV]
    assert family.execs.whole().maximum == 0.5 and family.execs.count == 2
    assert (family.failed.maximum, family.cut.maximum, family.skipped) == (9.0, 8.0, 1)
    assert family.first_execs.count == 0


def test_the_first_task_of_a_new_environment_is_kept_apart() -> None:
    spans = (span("a[1]", started_at=101.0), span("a[2]", started_at=100.5, exec_s=3.0))
    family = history_of(timeline(invocation(*spans, state="cold")), CODE, "succeeded").families["a", ENV]
    assert family.first_execs.whole().maximum == 3.0 and family.first_execs.count == 1
    assert family.execs.whole().maximum == 0.25
    assert family.count == 2


def test_what_an_execution_waited_for_a_core_is_no_time_of_its_own() -> None:
    spans = (
        span("a[1]", started_at=101.0, exec_s=0.5, cpu=CpuTime(used_s=0.125, delay_s=0.25)),
        span("a[2]", started_at=101.5, exec_s=0.25),
    )
    family = history_of(timeline(invocation(*spans)), CODE, "succeeded").families["a", ENV]
    assert family.execs.whole().maximum == 0.25
    assert (family.cpu.count, family.cpu.maximum) == (1, 0.5)


def test_what_a_commit_took_beside_an_execution_is_told_of_the_code_that_ran() -> None:
    spans = (
        span("a[1]", started_at=101.0, exec_s=0.5, commit_s=0.125, committed_at=101.75),
        span("a[2]", started_at=101.5, exec_s=0.5, commit_s=0.25, committed_at=102.5),
    )
    family = history_of(timeline(invocation(*spans)), CODE, "succeeded").families["a", ENV]
    assert (family.beside.count, family.beside.maximum) == (1, 0.125)


def test_times_and_outputs_go_with_all_input_bytes() -> None:
    inputs = (InputSpan(slot="x", bytes=600, source="store", fetch_s=0.01),)
    outputs = (OutputSpan(name="p", bytes=10, is_stored=True), OutputSpan(name="q", bytes=70_000, is_stored=True))
    one = span(inputs=inputs, local_inputs=1, local_bytes=500, outputs=outputs)
    family = history_of(timeline(invocation(one)), CODE, "succeeded").families["a", ENV]
    assert family.execs.near(1100).count == 1
    assert {name: relation.near(1100).maximum for name, relation in family.outputs.items()} == {"p": 10, "q": 70_000}
    (sample,) = family.recent[0].samples
    assert (sample.input_bytes, sample.exec_s, sample.output_bytes) == (1100, 0.25, 70_010)


def test_a_trip_that_brings_several_inputs_is_one_measurement_of_all_their_bytes() -> None:
    def fetched(slot: str, seconds: float) -> InputSpan:
        return InputSpan(slot=slot, bytes=1000, source="store", fetch_s=seconds)

    spans = (
        span("a[1]", inputs=(fetched("x", 0.5), fetched("y", 0.5), fetched("z", 0.7))),
        span("a[2]", inputs=(fetched("x", 0.5), InputSpan(slot="h", bytes=9, source="hint"))),
    )
    kinds = history_of(timeline(invocation(*spans)), CODE, "succeeded").environments[ENV].kinds
    assert kinds["fetch store"].count == 2
    assert kinds["fetch store"].near(2000).maximum == 0.5
    assert "fetch hint" not in kinds


def test_a_commit_of_several_outputs_is_one_measurement_of_all_their_bytes() -> None:
    def stored(size: int, upload_s: float = 0.0) -> tuple[OutputSpan, ...]:
        return (OutputSpan(name=None, bytes=size, is_stored=True, serialize_s=0.001, upload_s=upload_s),)

    spans = (
        span("a[1]", outputs=stored(3000), commit_s=0.002, committed_at=101.0),
        span("a[2]", outputs=stored(3000), commit_s=0.002, committed_at=101.0),
        span("a[3]", outputs=stored(10**6, upload_s=0.3), commit_s=0.004, committed_at=102.0),
    )
    kinds = history_of(timeline(invocation(*spans)), CODE, "succeeded").environments[ENV].kinds
    assert kinds["commit"].near(6000).maximum == 0.002
    assert kinds["commit"].near(0).maximum == 0.004
    assert kinds["upload"].near(10**6).maximum == 0.3
    assert kinds["serialize"].count == 3


def test_start_ups_are_by_state_and_go_with_the_bytes_of_the_code() -> None:
    runs = timeline(
        invocation(state="cold", code_load_s=0.2, begin_s=0.01, invocations=4, invoke_s=0.2, start_cpu_s=0.125),
        invocation(sent_at=101.0),
        invocation(sent_at=102.0, state="cold"),
    )
    graph = history_of(runs, CODE, "succeeded")
    kinds = graph.environments[ENV].kinds
    for kind in ("start launch", "start cold", "start warm"):
        assert kinds[kind].near(CODE.code_bytes).count == 1
    assert kinds["work cold"].whole().maximum == 0.125
    assert kinds["code cold"].whole().maximum == 0.2
    assert kinds["invoke"].whole().maximum == 0.05
    assert "subdag" not in kinds and "code warm" not in kinds
    assert (graph.runs[0].cold, graph.runs[0].warm) == (2, 1)


def test_of_a_resumed_run_only_the_newest_launch_counts() -> None:
    earlier, later = invocation(span("a[1]"), sent_at=50.0), invocation(span("a[2]"), sent_at=100.0)
    graph = history_of(timeline(earlier, later), CODE, "succeeded")
    assert graph.families["a", ENV].execs.count == 1
    assert graph.states == {"resumed": 1} and not graph.makespans
    assert launch_mark(timeline(invoked_at=50.0)) != launch_mark(timeline(invoked_at=100.0))


def test_a_launch_whose_beginning_nobody_told_began_with_its_first_call() -> None:
    one = timeline(invocation(span()), invoked_at=0.0)
    graph = history_of(one, CODE, "succeeded")
    assert graph.seen_at == graph.runs[0].at == 100.0
    assert graph.families["a", ENV].count == 1 and not graph.makespans and graph.runs[0].makespan_s == 0.0


def test_makespans_are_those_of_runs_that_succeeded() -> None:
    one = timeline(invocation(span()))
    assert history_of(one, CODE, "succeeded").makespans["simple", "average", "none"].maximum == 2.0
    assert not history_of(one, CODE, "failed").makespans


def test_tasks_that_the_graph_does_not_know_are_not_remembered() -> None:
    graph = history_of(timeline(invocation(span("a"), span("forged"))), CODE, "succeeded")
    assert set(graph.families) == {("a", ENV)}


def test_where_memory_bounds_the_cpu_share_times_at_512_mb_follow() -> None:
    graph = history_of(timeline(invocation(span(), exponent=1.0)), CODE, "succeeded")
    ((env, environment),) = graph.environments.items()
    assert env != ENV
    assert environment.to_512 == pytest.approx(1769 / 512)
    assert history_of(timeline(invocation(span())), CODE, "succeeded").environments[ENV].to_512 == 1.0


def test_what_was_measured_over_one_link_is_not_another_s() -> None:
    one = timeline(invocation(span(), exponent=1.0, begin_s=0.001))
    runs = [history_of(replace(one, link=link), CODE, "succeeded") for link in ("none", "5ms,20MB/s")]
    whole = decode_graph(encode_graph(merge_graphs(runs)))
    assert {environment.link: key for key, environment in whole.environments.items()} == {
        "none": f"{ENV}^1",
        "5ms,20MB/s": f"{ENV}^1~5ms,20MB/s",
    }
    assert all(environment.kinds["begin"].count == 1 for environment in whole.environments.values())
    assert {link: sketch.count for (*_, link), sketch in whole.makespans.items()} == {"none": 1, "5ms,20MB/s": 1}
    assert {row.link for row in whole.runs} == {"none", "5ms,20MB/s"}
    assert {class_of(key) for key in whole.environments} == {ENV}
    assert any("over 5ms,20MB/s" in line for line in head_lines(whole, 0))


WRITTEN = json.loads(zlib.decompress(encode_graph(histories(1)[0])[len(MAGIC) + 2 + 32 :]))


def document(change: object = None, *, version: int = VERSION) -> bytes:
    """A well-formed envelope around other JSON."""
    packed = zlib.compress(json.dumps(change).encode())
    return b"%s%d %s%s" % (MAGIC, version, sha256(packed).digest(), packed)


def test_damaged_foreign_and_newer_bytes_are_told_apart() -> None:
    good = encode_graph(merge_graphs(histories(2)))
    for bad in (b"", b"x", MAGIC, good[:-1], good[:60], good[:80] + b"\0" + good[81:], b"\x80\x04N.", document([])):
        with pytest.raises(HistoryUnreadable) as caught:
            decode_graph(bad)
        assert not isinstance(caught.value, HistoryNewer)
    with pytest.raises(HistoryNewer):
        decode_graph(document({}, version=VERSION + 1))
    with pytest.raises(HistoryOlder):
        decode_graph(document({}, version=VERSION - 1))


def test_fields_of_another_kind_are_refused() -> None:
    graph = encode_graph(merge_graphs(histories(1)))
    row = json.loads(zlib.decompress(graph[len(MAGIC) + 2 + 32 :]))
    for name in row:
        for wrong in (None, 7, "text", [1], [[1]], {"a": "b"}, True):
            try:
                found = decode_graph(document({**row, name: wrong}))
            except HistoryUnreadable:
                continue
            assert isinstance(wrong, (str, int)) and getattr(found, {"seen": "seen_at"}.get(name, name)) == wrong


ODD = st.sampled_from([None, True, -1, 0, 1, 10**30, -0.5, 1e308, "", "text", [], [[]], {}, [0] * 6])


@settings(max_examples=100)
@given(data=st.data())
def test_what_is_changed_anywhere_is_refused_or_can_be_worked_with(data: st.DataObject) -> None:
    row = deepcopy(WRITTEN)
    place: Any = row
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (list, dict)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(ODD)
    try:
        graph = decode_graph(document(row))
    except HistoryUnreadable:
        return
    again = decode_graph(encode_graph(merge_graphs([graph, graph])))
    tasks = [Task(task=task, env=env, family=family) for (task, env), family in again.families.items()]
    assert list(graph_lines([again], {})) and list(head_lines(again, 0)) and list(task_lines(tasks))
    for task in tasks:
        assert list(family_lines(task)) and task_object(task)
    for env, environment in again.environments.items():
        assert environment_object(env, environment)


def test_a_bomb_is_refused_before_it_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.history.codec.LARGEST_BYTES", 1 << 20)
    packed = zlib.compress(bytes(1 << 24), 9)
    with pytest.raises(HistoryUnreadable, match="larger than 1 MiB"):
        decode_graph(b"%s%d %s%s" % (MAGIC, VERSION, sha256(packed).digest(), packed))
