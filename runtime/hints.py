"""Hints that a user's function may carry in its own code; they do nothing when the code runs.

The compiler reads them with `ast`. What the manifest says about the same function wins over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def treadle_io(
    *,
    linear: float | Mapping[str, float | str] | None = None,
    exponent: float | Mapping[str, float | str] | None = None,
    constant: str | int | None = None,
    none: bool = False,
    of: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """State how the size of a function's result follows from the sizes of its inputs, as `io:` does in a manifest.

    Exactly one of `linear` (a factor), `exponent` (a power), `constant` (a size) and `none` is given;
    `of` limits the sum of the inputs to these arguments. Raises TypeError when none or several are given.
    """
    given = [
        name
        for name, value in (("linear", linear), ("exponent", exponent), ("constant", constant))
        if value is not None
    ]
    given += ["none"] if none else []
    if len(given) != 1:
        raise TypeError(
            f"treadle_io takes one of linear, exponent, constant, none; got {', '.join(given) or 'nothing'}"
        )
    if isinstance(of, str):
        raise TypeError("treadle_io: of is a tuple of argument names")

    def keep(function: F) -> F:
        return function

    return keep
