"""A tree of invokers: who sends which call, and in how many hops a wide fan-out is reached."""

from __future__ import annotations

import heapq

import pytest

from runtime.calls.calling import TREE_FROM, in_a_tree
from runtime.config import WorkerSettings
from runtime.payload import Payload, make_payload, read_payload
from runtime.plan import EnvClass
from runtime.ports import Call

ENV = EnvClass(memory_mb=1769)
CALL_S = 0.01
BEGIN_S = 0.05


def calls(count: int) -> list[Call]:
    return [Call(worker=f"~w{n}", env=ENV, subdag=f"page:{n}", called_at=1.5, start=(f"t[{n}]",)) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 5, TREE_FROM - 1, TREE_FROM, 100, 1000, 1001])
def test_every_call_is_sent_by_exactly_one(count: int) -> None:
    tree = in_a_tree(calls(count))
    assert [one for leader, rest in tree for one in (leader, *rest)] == calls(count)


def test_few_calls_are_all_sent_directly() -> None:
    assert all(not rest for _, rest in in_a_tree(calls(TREE_FROM - 1)))


def reached(count: int) -> tuple[float, int, int]:
    """Virtual time until the last of `count` workers has begun, the most hops, and the most calls that one makes."""
    heap = [(0.0, 0, tuple(in_a_tree(calls(count))))]
    last, hops, most = 0.0, 0, 0
    while heap:
        at, hop, sends = heapq.heappop(heap)
        last, hops, most = max(last, at), max(hops, hop), max(most, len(sends))
        for n, (_, rest) in enumerate(sends, 1):
            heapq.heappush(heap, (at + n * CALL_S + BEGIN_S, hop + 1, tuple((call, ()) for call in rest)))
    return last, hops, most


@pytest.mark.parametrize(("count", "most"), [(100, 10), (1000, 32), (4000, 63)])
def test_a_wide_fan_out_is_reached_in_two_hops_of_about_its_root(count: int, most: int) -> None:
    took, hops, sent = reached(count)
    assert (hops, sent) == (2, most)
    assert took < 2 * (most * CALL_S + BEGIN_S) + CALL_S < count * CALL_S


def test_forwarded_calls_travel_in_the_payload() -> None:
    forward = tuple(calls(40))
    payload = Payload(run="r", worker="w", env=ENV, at=1.5, forward=forward, settings=WorkerSettings(fan_out=40))
    assert read_payload(make_payload(payload)).forward == forward
    assert read_payload(make_payload(Payload(run="r", worker="w", env=ENV, at=1.5))).forward == ()
