"""What becomes of values in a worker's memory: given away, shared, kept a while, and forgotten."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from runtime.values.copying import Shared, own_copy
from runtime.values.held import HeldValues
from runtime.values.packing import pack_value
from runtime.values.trust import Packed


def packed(value: object) -> Packed:
    packing = pack_value(value)
    return Packed(packing, len(packing.stream) + sum(len(buffer) for buffer in packing.buffers))


def test_a_value_made_here_is_given_as_it_is_to_one_task() -> None:
    held, value = HeldValues(), [1]
    held.keep({"a": value})
    assert held.of(["a"])["a"] is value
    held.give_away(["a"])
    assert held.lacking(["a"]) == ["a"]


def test_an_array_that_was_given_away_is_not_kept_a_pickle_is() -> None:
    held = HeldValues()
    held.admit("array", packed(np.zeros(200_000)))
    held.admit("list", packed([1, 2]))
    held.give_away(["array", "list"])
    assert held.lacking(["array", "list"]) == ["array"]
    held.forget(["array", "list"])
    assert held.recent("array") is None
    found = held.recent("list")
    assert found is not None and found.unpack() == [1, 2]


def test_what_is_kept_a_while_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.values.held.RECENT_BYTES", 10_000)
    held = HeldValues()
    for number in range(10):
        held.admit(f"v{number}", packed(bytes(3_000)))
    held.admit("large", packed(bytes(20_000)))
    held.forget([*(f"v{number}" for number in range(10)), "large"])
    assert [name for name in ("large", *(f"v{number}" for number in range(10))) if held.recent(name)] == [
        "v7",
        "v8",
        "v9",
    ]


def test_copies_share_no_memory_that_can_be_written() -> None:
    array, constant = np.zeros(200_000), np.zeros(200_000)
    constant.flags.writeable = False
    shared = Shared([array, constant])
    first, second = shared.copy(), shared.copy()
    assert isinstance(first, list) and isinstance(second, list)
    first[0][0] = 1
    assert (array[0], second[0][0]) == (0, 0)
    assert np.shares_memory(first[1], constant) and not first[1].flags.writeable


def test_what_cannot_be_pickled_is_shared() -> None:
    value = [threading.Lock()]
    assert own_copy(value) is value


def test_the_winner_takes_the_place_of_what_was_made_and_serialised_here() -> None:
    held = HeldValues()
    held.keep({"a": "mine"})
    held.pack("a")
    held.share(["a"])
    held.adopt("a", packed("theirs"))
    (shared,) = held.share(["a"]).values()
    assert isinstance(shared, Shared) and shared.copy() == "theirs"
