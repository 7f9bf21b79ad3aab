"""What is put back after a task is as it was before: the next quick look finds nothing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from runtime.tasks.surroundings import WHOLE_LOOK_S, Surroundings


@pytest.fixture
def switch_interval() -> Iterator[float]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield sys.getswitchinterval()
    sys.setswitchinterval(before)


def test_whole_look_leaves_the_switch_interval_as_it_was(switch_interval: float) -> None:
    with closing(Surroundings()) as surroundings:
        for _ in range(3):
            surroundings.restore("slow", 2 * WHOLE_LOOK_S)
    assert sys.getswitchinterval() == switch_interval


def test_quick_look_puts_back_who_hears_alarms() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with closing(Surroundings()) as surroundings:
        signal.signal(signal.SIGALRM, lambda *_: None)
        surroundings.restore("quick", 0.0)
        assert signal.getsignal(signal.SIGALRM) == before
        assert not surroundings.spoiled
