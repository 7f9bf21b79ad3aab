"""When measurements go: the decision alone, with a clock of its own."""

from __future__ import annotations

from math import inf

import pytest

from runtime.machine.uploading import FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_REST_S, REST, Uploading
from runtime.measures.upload import parse_upload


def uploading(strategy: str) -> Uploading:
    return Uploading(parse_upload(strategy))


@pytest.mark.parametrize("strategy", ["shutdown", "task", "every:5s", "queue:3"])
def test_nothing_goes_when_nothing_waits(strategy: str) -> None:
    assert uploading(strategy).due_at(0, inf) == inf


@pytest.mark.parametrize(
    ("strategy", "rows", "due"),
    [
        ("shutdown", 10_000, inf),
        ("task", 1, 100.0),
        ("every:5s", 1, 105.0),
        ("every:5s", 10_000, 105.0),
        ("queue:3", 2, inf),
        ("queue:3", 3, 100.0),
    ],
)
def test_rows_go_as_their_strategy_says(strategy: str, rows: int, due: float) -> None:
    assert uploading(strategy).due_at(rows, 100.0) == due


def test_what_ends_during_a_send_goes_in_the_next_after_a_rest() -> None:
    one = uploading("task")
    one.sent(100.0, 100.01)
    assert one.due_at(5, 100.005) == pytest.approx(100.01 + REST * 0.01)
    assert one.due_at(1, 200.0) == 200.0


def test_a_send_that_took_long_is_not_followed_by_a_long_rest() -> None:
    one = uploading("task")
    one.sent(100.0, 109.0)
    assert one.due_at(1, 109.0) == 109.0 + LONGEST_REST_S


@pytest.mark.parametrize("strategy", ["task", "every:1h", "queue:50"])
def test_rows_of_a_failed_send_go_again_by_themselves_after_pauses_that_grow_to_a_bound(strategy: str) -> None:
    one, now, pauses = uploading(strategy), 100.0, []
    for _ in range(10):
        one.failed(now)
        due = one.due_at(1, 90.0)
        pauses.append(due - now)
        now = due
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    one.sent(now, now)
    assert one.due_at(1, now) == uploading(strategy).due_at(1, now)
