"""The scripts and their twin in memory give the same answers, whatever comes in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from hypothesis import Phase

from tests.contracts.stateful import run_twins
from tests.faults.planted import PLANTED


def test_both_twins_answer_alike_and_keep_the_invariants(client: redis.Redis) -> None:
    run_twins(client, examples=60, steps=40, derandomize=True)


@pytest.mark.parametrize("bug", ("leave_unseen", "last_writer_wins", "called_counts_up"))
def test_a_bug_in_the_scripts_alone_is_a_difference(bug: str, client: redis.Redis) -> None:
    with replace(PLANTED[bug], changes=()).put_in(), pytest.raises((AssertionError, BaseExceptionGroup)):
        run_twins(client, examples=100, steps=30, derandomize=True, phases=[Phase.generate])
