"""Where the time of a run went: each moment of each invocation has one kind, and the parts add up to the whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.measures.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.moments import Part
from runtime.quantities import seconds_text
from runtime.runs.summary import Summary, summarize
from runtime.runs.summary_views import WIDTH, summary_lines, summary_object
from tests.timelines import invocation, span, start_up, timeline


def summary_of(start: StartUp, *spans: TaskSpan) -> Summary:
    return summarize(timeline(invocation(start, *spans)))


def nonzero(summary: Summary) -> dict[Part, float]:
    return {part: round(took, 6) for part, took in summary.seconds.items() if took}


def test_time_before_the_handler_is_start_up_of_its_kind() -> None:
    assert summary_of(start_up(ended_at=100.25)).seconds[Part.START_UP_COLD] == 0.25
    assert summary_of(start_up(ended_at=100.25, state="warm")).seconds[Part.START_UP_WARM] == 0.25


def test_what_happens_once_comes_out_of_the_first_gap() -> None:
    start = start_up(begin_s=0.5, subdag_fetch_s=0.25, code_load_s=0.25, ended_at=103.25)
    assert nonzero(summary_of(start, span("a", 101.25, 2.0))) == {
        Part.EXECUTION: 2.0,
        Part.COORDINATION: 0.5,
        Part.LOAD: 0.5,
        Part.START_UP_COLD: 0.25,
    }


def test_wait_beside_the_execution_of_another_task_is_execution() -> None:
    first = span("a", 100.25, 4.0)
    second = span("b", 105.25, 1.0, wait_inputs_s=5.0)
    summary = summary_of(start_up(ended_at=106.25), first, second)
    assert nonzero(summary) == {Part.EXECUTION: 5.0, Part.INPUT_WAIT: 1.0, Part.START_UP_COLD: 0.25}
    assert [(one.family, one.worker_s) for one in summary.families] == [("a", 4.0), ("b", 2.0)]


def test_serialising_uploading_and_committing_fill_the_gap_behind_a_task() -> None:
    outputs = (OutputSpan(name=None, bytes=9, is_stored=True, serialize_s=0.5, upload_s=1.0),)
    summary = summary_of(start_up(ended_at=104.25), span("a", 100.25, 1.0, outputs=outputs, commit_s=0.25))
    assert nonzero(summary) == {
        Part.EXECUTION: 1.0,
        Part.UPLOAD: 1.5,
        Part.COORDINATION: 0.25,
        Part.START_UP_COLD: 0.25,
        Part.OTHER: 1.25,
    }


def test_what_nothing_explains_is_idle_as_far_as_the_worker_measured_it() -> None:
    summary = summary_of(start_up(idle_s=7.0), span("a", 102.25, 1.0, wait_inputs_s=2.0))
    assert summary.seconds[Part.IDLE] == 5.0
    assert summary.seconds[Part.OTHER] == pytest.approx(1.75)


def test_families_gather_what_their_instances_took() -> None:
    inputs = (InputSpan(slot="b", bytes=7, source="store"),)
    spans = (
        span("a[0]", 101.0, 1.0, inputs=inputs, local_bytes=3),
        span('a["x"]', 103.0, 2.0, outcome="failed"),
        span("b", 106.0, 1.0, outputs=(OutputSpan(name=None, bytes=5, is_stored=True),)),
        span("c", 108.0, 0.5, outputs=(OutputSpan(name=None, bytes=5, is_stored=False),)),
    )
    families = {one.family: one for one in summary_of(start_up(), *spans).families}
    assert families["a"].outcomes == {"done": 1, "failed": 1}
    assert (families["a"].attempts, families["a"].exec_max_s) == (2, 2.0)
    assert (families["a"].bytes_in, families["a"].bytes_local, families["b"].bytes_out) == (7, 3, 5)
    assert families["c"].bytes_out == 0


def test_invocation_whose_last_words_are_missing_counts_up_to_its_last_span() -> None:
    whole = invocation(start_up(ended_at=0.0), span("a", 101.25, 1.0), is_complete=False)
    summary = summarize(timeline(whole))
    assert summary.worker_s == pytest.approx(2.25)
    assert summary.missing == 1
    assert any("?" in line for line in summary_lines(summary))


def test_nothing_measured_is_a_question_mark_and_null() -> None:
    summary = summarize(timeline())
    assert list(summary_lines(summary)) == ["where the time went: ? (no spans came)"]
    shown = summary_object(summary)
    assert shown["worker_s"] is None
    assert set(shown["totals"].values()) == {None}  # type: ignore[attr-defined]


seconds = st.floats(0, 5, allow_nan=False).map(lambda value: round(value, 3))
outputs = st.builds(
    OutputSpan, name=st.none(), bytes=st.integers(0, 9), is_stored=st.booleans(), serialize_s=seconds, upload_s=seconds
)
spans = st.lists(
    st.builds(
        TaskSpan,
        task=st.sampled_from(["a", "b[1]", "b[2]", "c[[", "d"]),
        attempt=st.just(1),
        outcome=st.sampled_from(["done", "failed", "cut", "skipped"]),
        started_at=st.floats(99, 112, allow_nan=False),
        exec_s=seconds,
        wait_inputs_s=seconds,
        commit_s=seconds,
        outputs=st.tuples(outputs),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=200)
@given(
    spans,
    st.builds(
        start_up,
        begin_s=seconds,
        code_load_s=seconds,
        idle_s=seconds,
        invoke_s=seconds,
        ended_at=st.sampled_from([0.0, 111.0]),
    ),
)
def test_parts_add_up_to_the_time_of_the_invocations(spans: list[TaskSpan], start: StartUp) -> None:
    summary = summarize(timeline(invocation(start, *spans), invocation(replace(start, state="warm"), *spans)))
    end = max([start.start_time, start.ended_at, *(one.started_at + one.exec_s for one in spans)])
    assert summary.worker_s == pytest.approx(2 * (end - start.invoke_time))
    assert all(took >= 0 for took in summary.seconds.values())
    by_family = sum(family.worker_s for family in summary.families)
    own = sum(
        summary.seconds[part] for part in (Part.LOAD, Part.START_UP_COLD, Part.START_UP_WARM, Part.IDLE, Part.OTHER)
    )
    assert by_family + own <= summary.worker_s + 1e-6
    json.dumps(summary_object(summary), allow_nan=False)
    assert all(len(line) <= WIDTH for line in summary_lines(summary, families=None))


def test_long_names_and_large_figures_fit_the_screen() -> None:
    inputs = (InputSpan(slot="b", bytes=987_654_321_000, source="store"),)
    many = [span(f"outer/{'inner' * 9}_{n}[{n}]", 100.3 + n, 98765.0, inputs=inputs) for n in range(5)]
    lines = list(summary_lines(summary_of(start_up(), *many), families=3))
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[-1] == "  … and 2 more tasks"


@pytest.mark.parametrize(
    ("took", "text"),
    [(0, "0"), (0.000012, "0.01 ms"), (0.0123, "12.3 ms"), (0.9996, "1.00 s"), (99.96, "1m40s"), (123456, "34h17m")],
)
def test_durations_have_three_or_four_digits(took: float, text: str) -> None:
    assert seconds_text(took) == text
