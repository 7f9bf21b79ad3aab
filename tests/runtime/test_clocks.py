"""The store's clock is learnt from answers: the quickest counts, until it is old."""

from __future__ import annotations

from random import Random

import pytest

from runtime.measures.clocks import DRIFT, StoreClock


def test_nothing_is_known_before_an_answer() -> None:
    clock = StoreClock()
    assert not clock.is_known and clock.at(5.0) == 0.0


def test_half_of_the_way_is_the_guess_and_the_error() -> None:
    clock = StoreClock()
    clock.heard(1_000.0, asked_at=10.0, answered_at=12.0)
    assert clock.at(11.0) == 1_000.0 and clock.error(12.0) == 1.0


def test_a_quicker_answer_sharpens_a_slower_one_does_not() -> None:
    clock = StoreClock()
    clock.heard(1_000.0, asked_at=10.0, answered_at=12.0)
    clock.heard(1_004.1, asked_at=15.0, answered_at=15.2)
    assert clock.at(15.1) == pytest.approx(1_004.1)
    clock.heard(1_010.0, asked_at=20.0, answered_at=23.0)
    assert clock.at(15.1) == pytest.approx(1_004.1)


def test_an_old_answer_gives_way_to_a_new_one_that_is_less_wrong_by_now() -> None:
    clock = StoreClock()
    clock.heard(1_000.0, asked_at=10.0, answered_at=10.001)
    later = 10.0 + 2 * 0.001 / DRIFT
    clock.heard(1_000.5, asked_at=later, answered_at=later + 0.002)
    assert clock.at(later + 0.001) == pytest.approx(1_000.5)


def test_the_error_bounds_what_is_wrong_whatever_the_trips_and_the_drift() -> None:
    for seed in range(300):
        random = Random(seed)
        ahead, rate = random.uniform(-1e6, 1e9), 1 + random.uniform(-DRIFT, DRIFT)
        clock, now = StoreClock(), random.uniform(0, 1e5)
        for _ in range(random.randrange(1, 30)):
            asked = now
            there = asked + random.expovariate(100)
            now = there + random.expovariate(100)
            clock.heard(ahead + rate * there, asked, now)
            now += random.expovariate(1)
            assert abs(clock.at(now) - (ahead + rate * now)) <= clock.error(now) + 1e-6
