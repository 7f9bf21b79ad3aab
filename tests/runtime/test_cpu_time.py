"""What a task had of the CPU: its work, and what it waited while others had the core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from threading import Event
from time import monotonic, process_time

import pytest

from runtime.measures.cpu_time import FRESH_S, LEAST_S, CpuMeter

PATIENCE_S = 20.0


@pytest.fixture
def meter() -> Iterator[CpuMeter]:
    meter = CpuMeter()
    yield meter
    meter.close()


def work(seconds: float) -> None:
    end = process_time() + seconds
    while process_time() < end:
        pass


def test_work_of_all_threads_counts_and_waiting_does_not(meter: CpuMeter) -> None:
    began = monotonic()
    meter.begin(began)
    Event().wait(0.05)
    work(0.02)
    cpu = meter.took(began, monotonic(), 0.0)
    assert cpu is not None and cpu.used_s >= 0.019
    assert cpu.delay_s <= monotonic() - began


def test_work_of_a_child_that_has_ended_counts(meter: CpuMeter) -> None:
    program = "import time\nwhile time.process_time() < 0.1: pass"
    began = monotonic()
    meter.begin(began)
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
    cpu = meter.took(began, monotonic(), 0.0)
    assert cpu is not None and cpu.used_s >= 0.09


def test_work_that_is_not_the_tasks_own_is_left_out(meter: CpuMeter) -> None:
    began = monotonic()
    meter.begin(began)
    work(0.02)
    cpu = meter.took(began, monotonic(), 10.0)
    assert cpu is not None and cpu.used_s == 0.0


def test_short_task_is_not_looked_at(meter: CpuMeter) -> None:
    meter.begin(10.0)
    assert meter.took(10.0, 10.0 + LEAST_S / 2, 0.0) is None


def test_one_look_serves_the_tasks_that_begin_right_after_it(meter: CpuMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    monkeypatch.setattr(CpuMeter, "_look", lambda self, now: (looks.append(now), setattr(self, "_looked_at", now)))
    for begin in (10.0, 10.0 + FRESH_S / 2, 10.0 + 2 * FRESH_S):
        meter.begin(begin)
    assert looks == [10.0, 10.0 + 2 * FRESH_S]


def test_waiting_is_shared_by_the_task_and_what_was_not_its_own(
    meter: CpuMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CpuMeter, "_ready_s", lambda self: 0.5 if self._looked_at > 10.0 else 0.0)
    meter.begin(10.0)
    cpu = meter.took(10.0, 11.0, 0.9)  # a second, of which its code took nine tenths to load
    assert cpu is not None
    assert cpu.delay_s == pytest.approx(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not say who waited")
def test_who_shares_its_core_with_another_process_waits(meter: CpuMeter) -> None:
    whole = os.sched_getaffinity(0)
    core = {min(whole)}
    os.sched_setaffinity(0, core)
    other = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        began = monotonic()
        meter.begin(began)
        while monotonic() < began + PATIENCE_S:
            work(0.02)
            cpu = meter.took(began, monotonic(), 0.0)
            if cpu is not None and cpu.delay_s > 0.0:
                return
        raise AssertionError("it never waited")
    finally:
        other.kill()
        other.wait()
        os.sched_setaffinity(0, whole)
