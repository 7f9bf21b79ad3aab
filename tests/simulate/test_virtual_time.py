"""Virtual time: things happen in order, and what is shared is shared fairly."""

from __future__ import annotations

import random

import pytest

from compiler.simulate.virtual_time import Shared, VirtualTime


def run_all(time: VirtualTime) -> None:
    assert not time.run(lambda: False)


def test_things_of_one_moment_happen_as_they_were_asked_for() -> None:
    time, seen = VirtualTime(), []
    for name in "abc":
        time.call_later(1.0, seen.append, name)
    time.call_later(0.5, seen.append, "first")
    run_all(time)
    assert seen == ["first", "a", "b", "c"] and time.now == 1.0


def test_it_stops_when_it_is_over() -> None:
    time, seen = VirtualTime(), []
    time.call_later(1.0, seen.append, 1)
    time.call_later(2.0, seen.append, 2)
    assert time.run(lambda: bool(seen))
    assert seen == [1] and time.now == 1.0


def test_two_jobs_on_two_cores_do_not_slow_one_another_and_three_do() -> None:
    for jobs, takes in ((2, 1.0), (3, 1.5), (4, 2.0)):
        time, ends = VirtualTime(), []
        cores = Shared(time, capacity=2.0, most=1.0)
        for _ in range(jobs):
            cores.take(1.0, lambda ends=ends, time=time: ends.append(time.now))
        run_all(time)
        assert ends == pytest.approx([takes] * jobs)


def test_one_that_comes_later_shares_what_is_left() -> None:
    time, ends = VirtualTime(), {}
    link = Shared(time, capacity=10.0)
    link.take(10.0, lambda: ends.setdefault("early", time.now))
    time.call_later(0.5, lambda: link.take(5.0, lambda: ends.setdefault("late", time.now)))
    run_all(time)
    # Half a second alone: 5 of 10 are left; then both need 5, at half of the rate.
    assert ends == pytest.approx({"early": 1.5, "late": 1.5})


def test_whatever_comes_no_work_is_lost_and_no_capacity_exceeded() -> None:
    chance = random.Random(7)
    time, ends = VirtualTime(), []
    capacity, works = 3.0, [chance.uniform(0.1, 5.0) for _ in range(200)]
    shared = Shared(time, capacity=capacity, most=1.0)
    for work in works:
        time.call_later(chance.uniform(0.0, 50.0), shared.take, work, lambda: ends.append(time.now))
    run_all(time)
    assert len(ends) == len(works)
    assert max(ends) >= sum(works) / capacity


def test_what_is_unbounded_takes_no_time() -> None:
    time, ends = VirtualTime(), []
    Shared(time, capacity=float("inf")).take(1e12, lambda: ends.append(time.now))
    run_all(time)
    assert ends == [0.0]
