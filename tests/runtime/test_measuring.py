"""The start-up record: where memory bounds the processor, and what is known before and after the begin."""

from __future__ import annotations

from time import monotonic

import pytest

from runtime.config import WorkerSettings
from runtime.measures.clocks import StoreClock
from runtime.measures.measuring import Beginning, Measuring, cpu_exponent
from runtime.measures.memory_peak import mark_memory, peak_memory_mb
from runtime.plan import EnvClass
from runtime.worker import Worker

ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11"}


def test_only_lambda_itself_shares_its_processors_by_memory() -> None:
    assert cpu_exponent(ON_LAMBDA) == 1.0
    assert cpu_exponent({**ON_LAMBDA, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9"}) == 0.0
    assert cpu_exponent({}) == 0.0


def measuring(beginning: Beginning) -> Measuring:
    worker = Worker(worker="w0", token="t", env=EnvClass(memory_mb=512), settings=WorkerSettings(), tasks={})
    return Measuring("run", worker, beginning, StoreClock(), lambda: 7.5)


def test_the_record_is_on_the_clock_of_the_store() -> None:
    first_line = monotonic()
    one = measuring(Beginning(first_line=first_line, sent_at=999.5, code_load_s=0.25, exponent=1.0))
    one.begun(1_000.0, first_line + 1, first_line + 1.5)
    record = one.record(is_last=False)
    assert (record.invoke_time, record.ended_at, record.begin_s) == (999.5, 0.0, pytest.approx(0.5))
    assert record.start_time == pytest.approx(1_000.0 - 1.25) and record.clock_error_s == pytest.approx(0.25, abs=0.01)
    assert (record.code_load_s, record.exponent, record.state) == (0.25, 1.0, "warm")
    assert one.record(is_last=True).ended_at >= record.start_time


def test_the_peak_is_that_since_the_mark() -> None:
    mark_memory()
    before = peak_memory_mb()
    block = bytearray(64 * 1024 * 1024)
    block[::4096] = b"x" * len(block[::4096])
    high = peak_memory_mb()
    del block
    assert high > before + 50
    assert peak_memory_mb() > high - 5
    mark_memory()
    assert peak_memory_mb() < high - 30
