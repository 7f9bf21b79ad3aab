"""The size of a value that is not serialised: near that of its pickle, at constant cost, and no user code runs."""

from __future__ import annotations

import pickle
from array import array
from dataclasses import dataclass

import numpy as np
import pytest

from runtime.values.sizes import estimated_bytes


@dataclass(frozen=True, slots=True)
class Tile:
    pixels: object
    top: int = 0


@dataclass
class Page:
    text: str
    tiles: list[Tile]


class Image(Tile):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Tile(np.zeros((300, 200))),
        Image(np.zeros((300, 200))),
        [Tile(bytes(3_000)) for _ in range(20)],
        Page("words " * 100, [Tile(bytes(500), n) for n in range(50)]),
        b"x" * 1_000_000,
        bytearray(5_000),
        "text" * 300,
        np.zeros((300, 200)),
        np.zeros((300, 200))[::2],
        array("d", range(1_000)),
        memoryview(bytes(700)),
        list(range(1_000, 3_000)),
        [1.5] * 500,
        {f"key {n:04}": n / 7 for n in range(300)},
        tuple({"a": [n, str(n) * 9], "b": bytes([n]) * 300} for n in range(100)),
        {n: n * 1_000 for n in range(1_000)},
        [[float(n) for n in range(50)] for _ in range(50)],
    ],
)
def test_it_is_of_the_order_of_the_pickle(value: object) -> None:
    exact = value.nbytes if isinstance(value, memoryview) else len(pickle.dumps(value, 5))
    assert 0.4 * exact - 20 <= estimated_bytes(value) <= 2.5 * exact + 20


def test_small_and_empty_values_have_small_sizes() -> None:
    for value in (None, True, 0, 1.5, "", b"", [], {}, (), set(), 10**9, 2j):
        assert 0 <= estimated_bytes(value) < 30


def test_nothing_of_the_users_runs() -> None:
    class Trap:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

        def __sizeof__(self) -> int:
            raise AssertionError("asked")

        def __len__(self) -> int:
            raise AssertionError("asked")

    class Tricky(list[int]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            raise AssertionError("asked")

    class Lazy:
        __slots__ = ("empty", "full")

        def __init__(self) -> None:
            self.full = bytes(1_000)

    class Masked:
        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]
            raise AssertionError("asked")

    assert estimated_bytes(Masked()) > 0 and 1_000 <= estimated_bytes(Lazy()) < 1_200
    assert estimated_bytes(Trap()) > 0 and estimated_bytes([Trap(), Tricky([1])]) > 0


def test_deep_and_cyclic_values_have_an_end() -> None:
    deep: list[object] = []
    deep.append(deep)
    assert estimated_bytes(deep) > 0
