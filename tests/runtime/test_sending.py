"""Invocations under way: side by side, again when refused, never twice at once, and not for ever."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter

import pytest

from runtime.calls.sending import AT_ONCE, Sender, Sending
from runtime.errors import LambdaFaltered, LambdaUnavailable, RuntimeFault, StoreUnavailable, Throttled
from runtime.plan import EnvClass

ENV = EnvClass(memory_mb=1769)


class Lambda:
    """Refuses the first `refusals` requests; keeps who was sent, on which thread, and how many at one time."""

    def __init__(self, refusals: int = 0) -> None:
        self.lock = threading.Lock()
        self.refusals = refusals
        self.taken: Counter[bytes] = Counter()
        self.under_way: Counter[bytes] = Counter()
        self.twice = False
        self.threads: set[str] = set()

    def invoke(self, env: EnvClass, payload: bytes) -> None:
        with self.lock:
            self.under_way[payload] += 1
            self.twice |= self.under_way[payload] > 1
            self.threads.add(threading.current_thread().name)
            is_refused, self.refusals = self.refusals > 0, self.refusals - 1
        try:
            if is_refused:
                raise Throttled("too many")
            with self.lock:
                self.taken[payload] += 1
        finally:
            with self.lock:
                self.under_way[payload] -= 1


class Told:
    def __init__(self) -> None:
        self.accepted: list[bytes] = []
        self.faults: list[RuntimeFault] = []

    def sending(self, payload: bytes, patience_s: float = 60.0) -> Sending:
        return Sending(
            env=ENV,
            payload=lambda: payload,
            until=time.monotonic() + patience_s,
            accepted=lambda: self.accepted.append(payload),
            failed=self.faults.append,
        )


def test_a_few_are_sent_where_they_are_made() -> None:
    there, told = Lambda(), Told()
    Sender(there.invoke).send([told.sending(b"a"), told.sending(b"b")])
    assert told.accepted == [b"a", b"b"]
    assert there.threads == {threading.current_thread().name}


@pytest.mark.parametrize("refusals", [0, 2])
def test_many_are_sent_beside_the_caller_each_once(refusals: int) -> None:
    there, told = Lambda(refusals), Told()
    sender = Sender(there.invoke)
    payloads = [b"%d" % n for n in range(3 * AT_ONCE)]
    sender.send([told.sending(payload) for payload in payloads])
    sender.wait()
    sender.close()
    assert sorted(told.accepted) == sorted(payloads)
    assert set(there.taken.values()) == {1}
    assert not there.twice
    assert there.threads == {"treadle-sender"}


def test_a_refused_one_is_sent_again_without_holding_up_its_caller() -> None:
    there, told = Lambda(refusals=1), Told()
    sender = Sender(there.invoke)
    sender.send([told.sending(b"a")])
    sender.wait()
    sender.close()
    assert told.accepted == [b"a"]
    assert "treadle-sender" in there.threads


def test_patience_ends_and_then_nobody_is_told() -> None:
    there, told = Lambda(refusals=1_000_000), Told()
    sender = Sender(there.invoke)
    sender.send([told.sending(b"a", patience_s=0.2)])
    sender.wait()
    sender.close()
    assert (told.accepted, told.faults) == ([], [])


def test_a_fault_is_told_to_the_one_whom_it_concerns() -> None:
    def unreachable(env: EnvClass, payload: bytes) -> None:
        raise LambdaUnavailable("not there")

    told = Told()
    Sender(unreachable).send([told.sending(b"a")])
    assert [fault.message for fault in told.faults] == ["not there"]


def test_a_fault_in_confirming_is_told_and_the_rest_is_sent() -> None:
    told = Told()

    def refuse() -> None:
        raise StoreUnavailable("gone")

    bad = Sending(
        env=ENV, payload=lambda: b"a", until=time.monotonic() + 60, accepted=refuse, failed=told.faults.append
    )
    sender = Sender(Lambda().invoke)
    sender.send([bad, *(told.sending(b"%d" % n) for n in range(AT_ONCE))])
    sender.wait()
    sender.close()
    assert [fault.message for fault in told.faults] == ["gone"]
    assert len(told.accepted) == AT_ONCE


def test_who_waits_is_told_of_the_time() -> None:
    ticks: list[int] = []
    there, told = Lambda(refusals=1_000_000), Told()
    sender = Sender(there.invoke)
    sender.send([told.sending(b"a", patience_s=0.3)])
    sender.wait(lambda: ticks.append(1))
    sender.close()
    assert ticks


@pytest.mark.parametrize("faults", [1, 3])
def test_fault_that_passes_is_no_fault(faults: int) -> None:
    told, left = Told(), [LambdaFaltered("reset by peer")] * faults

    def invoke(env: EnvClass, payload: bytes) -> None:
        if left:
            raise left.pop()

    sender = Sender(invoke)
    sender.send([told.sending(b"a")])
    sender.wait()
    sender.close()
    assert (told.accepted, told.faults) == ([b"a"], [])


def test_fault_that_stays_is_told_when_patience_ends() -> None:
    told, fault = Told(), LambdaFaltered("connection refused")

    def invoke(env: EnvClass, payload: bytes) -> None:
        raise fault

    sender = Sender(invoke)
    sender.send([told.sending(b"a", patience_s=0.2)])
    sender.wait()
    sender.close()
    assert (told.accepted, told.faults) == ([], [fault])


def test_room_is_what_its_pace_allows() -> None:
    there, told = Lambda(refusals=1), Told()
    sender = Sender(there.invoke)
    assert sender.room(5.0) == math.inf
    sender.send([told.sending(b"a")])
    sender.wait()
    sender.close()
    assert 1 < sender.room(5.0) < 100
