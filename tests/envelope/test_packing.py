"""Large buffers: what stands beside the pickle, what comes back, and whose memory it is."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.values.envelope import Codec
from runtime.values.packing import BULK_BYTES, pack_value, unpack_value

LARGE = b"x" * BULK_BYTES


@pytest.mark.parametrize(
    "value",
    [LARGE, [LARGE, 1], (1, LARGE), {"a": LARGE, "b": b"small"}, {"deep": [{"still": (LARGE,)}]}],
    ids=["bytes", "list", "tuple", "dict", "nested"],
)
def test_large_bytes_are_neither_copied_nor_changed(value: object) -> None:
    packing = pack_value(value)
    assert len(packing.stream) < 1_000
    assert [found is LARGE for found in packing.outlined] == [True]
    assert unpack_value(packing) == value


def test_one_object_twice_is_one_object_again() -> None:
    first, second = unpack_value(pack_value([LARGE, LARGE]))  # type: ignore[misc]
    assert first is second


def test_a_list_that_holds_itself_and_large_bytes_comes_back_so() -> None:
    cycle: list[object] = [LARGE]
    cycle.append(cycle)
    found = unpack_value(pack_value(cycle))
    assert isinstance(found, list) and found[1] is found and found[0] == LARGE


def test_an_arrays_memory_is_not_copied() -> None:
    array = np.arange(BULK_BYTES, dtype=np.uint8).reshape(1024, -1)
    packing = pack_value({"array": array})
    (buffer,) = packing.buffers
    assert np.shares_memory(np.frombuffer(buffer, dtype=np.uint8), array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("is_writable", [True, False])
def test_an_array_comes_back_as_it_was(order: str, is_writable: bool) -> None:
    array = np.asarray(np.random.default_rng(1).random((600, 500)), order=order)  # type: ignore[call-overload]
    array.flags.writeable = is_writable
    found = unpack_value(pack_value(array))
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, array) and found.flags.writeable == is_writable


def test_a_view_with_gaps_is_copied_into_the_pickle() -> None:
    view = np.arange(4 * BULK_BYTES, dtype=np.uint8)[::2]
    packing = pack_value(view)
    assert np.array_equal(unpack_value(packing), view)  # type: ignore[arg-type]


def test_small_buffers_stay_in_the_pickle() -> None:
    packing = pack_value([np.zeros(1000), b"x" * 1000])
    assert not packing.buffers and not packing.outlined


def test_what_pickle_refuses_keeps_its_buffers_beside_cloudpickle() -> None:
    array = np.ones(BULK_BYTES)
    packing = pack_value([lambda number: number + 1, array, LARGE])
    assert packing.codec is Codec.CLOUDPICKLE and len(packing.buffers) == 1
    function, found, text = unpack_value(packing)  # type: ignore[misc]
    assert function(1) == 2 and np.array_equal(found, array) and text == LARGE
