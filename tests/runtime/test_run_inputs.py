"""Inputs on their way to the workers: signed for their run and name, small ones inside, large ones by reference."""

from __future__ import annotations

import threading

import pytest

from runtime.backends.memory import MemoryBackend
from runtime.config import WorkerSettings
from runtime.errors import NotSerializable, RuntimeFault, SignatureInvalid
from runtime.ports import Reference
from runtime.run_inputs import RunInputs, publish_inputs
from runtime.values.envelope import Signer
from runtime.values.trust import Trust

VALUES = {"who": "Ada", "large": "x" * 2000}
LIMIT = 1000


def trust_of(run: str, key: bytes = b"k" * 32) -> Trust:
    return Trust(signer=Signer(key), deployment="test", run=run)


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend(WorkerSettings())


def test_small_input_inside_the_payload_needs_no_store(backend: MemoryBackend) -> None:
    inside = publish_inputs(VALUES, backend.values, trust_of("r"), LIMIT)
    assert list(inside) == ["who"]
    empty = MemoryBackend(WorkerSettings())
    assert RunInputs(trust_of("r"), empty.values, inside, {}).value("who") == "Ada"


def test_large_input_lies_under_a_key_of_its_own(backend: MemoryBackend) -> None:
    publish_inputs(VALUES, backend.values, trust_of("r"), LIMIT)
    (stored,) = backend.values.get_inputs(["large"])
    assert isinstance(stored, Reference)
    inputs = RunInputs(trust_of("r"), backend.values, {}, {})
    assert inputs.value("large") == VALUES["large"]
    assert inputs.value("large") is inputs.value("large")


def test_run_without_inputs_writes_nothing(backend: MemoryBackend) -> None:
    assert publish_inputs({}, backend.values, trust_of("r"), LIMIT) == {}
    assert backend.state.is_empty()


@pytest.mark.parametrize("reader", [trust_of("another"), trust_of("r", b"x" * 32)], ids=["run", "key"])
def test_input_of_another_run_or_key_is_refused(backend: MemoryBackend, reader: Trust) -> None:
    inside = publish_inputs(VALUES, backend.values, trust_of("r"), LIMIT)
    for inputs in (RunInputs(reader, backend.values, inside, {}), RunInputs(reader, backend.values, {}, {})):
        with pytest.raises(SignatureInvalid, match="who"):
            inputs.value("who")


def test_input_under_another_name_and_a_tasks_value_are_refused(backend: MemoryBackend) -> None:
    trust = trust_of("r")
    for sealed in (trust.seal_input("other", "x"), trust.seal_value("who", "x"), b"", b"bare"):
        backend.values.put_inputs({"who": sealed})
        with pytest.raises(SignatureInvalid):
            RunInputs(trust, backend.values, {}, {}).value("who")


def test_input_that_is_gone_is_told(backend: MemoryBackend) -> None:
    publish_inputs(VALUES, backend.values, trust_of("r"), LIMIT)
    backend.state.large.clear()
    for name in ("large", "never"):
        with pytest.raises(RuntimeFault, match=f"the input `{name}` is not in the store"):
            RunInputs(trust_of("r"), backend.values, {}, {}).value(name)


def test_value_that_cannot_be_sent_is_named(backend: MemoryBackend) -> None:
    with pytest.raises(NotSerializable, match="the input `lock`: the value cannot be stored: a lock"):
        publish_inputs({"lock": threading.Lock()}, backend.values, trust_of("r"), LIMIT)
