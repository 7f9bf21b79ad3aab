"""The pace of a sender against a bucket that it does not see, in virtual time."""

from __future__ import annotations

import heapq
from random import Random

import pytest

from runtime.calls.pacing import Pace, TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=10.0, burst=2.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, pytest.approx(0.1)]
    assert bucket.take(100.05) == pytest.approx(0.05)
    assert bucket.take(100.1) == 0.0
    assert [bucket.take(200.0) for _ in range(3)] == [0.0, 0.0, pytest.approx(0.1)]


def send_all(
    count: int, limit: TokenBucket, *, senders: int = 4, trip_s: float = 0.01, seed: int = 0
) -> tuple[float, int]:
    """Send `count` requests against `limit`; returns when the last was accepted, and how many were refused."""
    pace = Pace(Random(seed), 0.0)
    answers: dict[int, bool] = {}
    heap = [(0.0, sender) for sender in range(senders)]
    left, refused, last = count, 0, 0.0
    while heap:
        now, sender = heapq.heappop(heap)
        if sender in answers:
            if answers.pop(sender):
                pace.accepted()
                last = now
            else:
                refused, left = refused + 1, left + 1
                pace.refused(now)
        if not left:
            continue
        wait = pace.wait_s(now)
        if wait:
            heapq.heappush(heap, (now + wait + 1e-6, sender))
            continue
        left -= 1
        answers[sender] = limit.take(now) == 0.0
        heapq.heappush(heap, (now + trip_s, sender))
    return last, refused


@pytest.mark.parametrize(
    ("rate", "burst", "count"), [(20.0, 10.0, 300), (50.0, 10.0, 300), (200.0, 50.0, 300), (5.0, 2.0, 50)]
)
@pytest.mark.parametrize("seed", range(5))
def test_a_sender_comes_near_to_an_unknown_limit_with_few_refusals(
    rate: float, burst: float, count: int, seed: int
) -> None:
    took, refused = send_all(count, TokenBucket(rate=rate, burst=burst, now=0.0), seed=seed)
    assert took < 1.6 * (count - burst) / rate
    assert refused < 8 + 0.25 * count


def test_who_is_never_refused_never_waits() -> None:
    took, refused = send_all(300, TokenBucket(rate=1e6, burst=1e6, now=0.0), senders=3)
    assert (took, refused) == (pytest.approx(1.0), 0)


def test_what_the_other_side_asks_for_is_waited() -> None:
    pace = Pace(Random(0), 0.0)
    pace.refused(10.0, retry_after_s=3.0)
    assert pace.wait_s(10.0) == pytest.approx(3.0)
    assert pace.wait_s(13.0) == 0.0


def test_pauses_grow_with_refusals_in_a_row_and_have_a_bound() -> None:
    pauses = []
    pace, now = Pace(Random(0), 0.0), 0.0
    for _ in range(40):
        pace.refused(now)
        pauses.append(pace.wait_s(now))
        now += 10.0
    assert pauses[0] <= 0.05
    assert 1.0 < max(pauses) <= 2.0
