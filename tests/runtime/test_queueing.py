"""The field of the trace header that says how long an event waited for an environment."""

from __future__ import annotations

import pytest

from runtime.measures.queueing import queue_s_of, with_queue


def test_a_wait_is_read_back_to_the_microsecond() -> None:
    assert queue_s_of(with_queue("Root=1-5759e988-bd862e3fe1be46a994272793", 1.2345678)) == 1.234568


def test_the_services_field_counts_before_one_that_a_caller_sent() -> None:
    assert queue_s_of(with_queue("Root=1;Queued=900", 0.5)) == 0.5


@pytest.mark.parametrize(
    "trace",
    [
        None,
        "",
        "5",
        "Root=1;Sampled=0",
        *(f"Root=1;Queued={text}" for text in ("", ".", "-1", "nan", "1e9", "٣", "1;a")),
    ],
)
def test_a_header_that_does_not_say_it_is_no_wait(trace: str | None) -> None:
    assert queue_s_of(trace) == 0.0


def test_a_number_that_no_clock_gives_is_no_wait() -> None:
    assert queue_s_of(f"Root=1;Queued={'9' * 400}") == 0.0
