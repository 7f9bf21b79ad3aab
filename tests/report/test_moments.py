"""What an invocation did at each moment: without gap, without overlap, from the call to the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.moments import Moment, Part, moments_of
from tests.drawing.timelines import random_shape, random_timeline
from tests.report.test_summary import invocation, span, start_up


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), tasks=st.integers(1, 40), workers=st.integers(1, 5))
def test_moments_follow_one_another_without_gap(seed: int, tasks: int, workers: int) -> None:
    for one in random_timeline(random_shape(seed, tasks), seed, workers=workers).invocations:
        found = moments_of(one).all
        assert found[0].start == one.start_up.invoke_time
        assert found[-1].end == pytest.approx(one.start_up.ended_at)
        assert all(before.end == pytest.approx(after.start, abs=1e-9) for before, after in pairwise(found))
        assert all(moment.seconds > 0 or moment.part is Part.EXECUTION for moment in found)
        assert [moment.task for moment in found if moment.part is Part.EXECUTION] == [span.task for span in one.spans]


def test_a_wait_for_an_environment_comes_before_its_start_and_is_never_longer_than_both() -> None:
    start = start_up(start_time=103.0, queue_s=2.5, ended_at=103.0)
    assert moments_of(invocation(start)).all == (
        Moment(Part.QUEUE, "", 100.0, 102.5),
        Moment(Part.START_UP_COLD, "", 102.5, 103.0),
    )
    longer = start_up(start_time=101.0, queue_s=2.5, ended_at=101.0)
    assert moments_of(invocation(longer)).all == (Moment(Part.QUEUE, "", 100.0, 101.0),)


def test_a_gap_is_what_the_worker_did_first_then_what_went_on_beside_it() -> None:
    start = start_up(start_time=101.0, begin_s=0.5, code_load_s=1.0, ended_at=110.0)
    found = moments_of(invocation(start, span("a", 105.0, 2.0, wait_inputs_s=1.0, outcome="failed"))).all
    assert found == (
        Moment(Part.START_UP_COLD, "", 100.0, 101.0),
        Moment(Part.COORDINATION, "", 101.0, 101.5),
        Moment(Part.LOAD, "", 101.5, 102.5),
        Moment(Part.INPUT_WAIT, "a", 102.5, 103.5),
        Moment(None, "", 103.5, 105.0),
        Moment(Part.EXECUTION, "a", 105.0, 107.0, "failed"),
        Moment(None, "", 107.0, 110.0),
    )
