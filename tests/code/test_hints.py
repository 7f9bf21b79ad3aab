"""The I/O hint in code does nothing at run time but refuse nonsense."""

from __future__ import annotations

import pytest

from runtime.hints import treadle_io


def test_a_hinted_function_is_the_function_itself() -> None:
    def f(x: int) -> int:
        return x + 1

    assert treadle_io(linear=0.5, of=("x",))(f) is f
    assert treadle_io(none=True)(f) is f


def test_none_or_several_relations_are_refused() -> None:
    with pytest.raises(TypeError, match="got nothing"):
        treadle_io()
    with pytest.raises(TypeError, match="linear, constant"):
        treadle_io(linear=1, constant="4KiB")
    with pytest.raises(TypeError, match="tuple of argument names"):
        treadle_io(linear=1, of="x")  # type: ignore[arg-type]
