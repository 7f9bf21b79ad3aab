"""The axis of time: ticks at round numbers, as many as there is room for."""

from __future__ import annotations

import math
from collections.abc import Iterator

LONG_STEPS = (
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1_800.0,
    3_600.0,
    7_200.0,
    14_400.0,
    21_600.0,
    43_200.0,
)
"""Steps in seconds that are round in minutes and hours."""
DAY_S = 86_400.0


def ticks(start_s: float, end_s: float, most: int) -> Iterator[tuple[float, str]]:
    """At most so many moments, and one more, from start to end, each with its label in seconds."""
    step = step_for(end_s - start_s, most)
    first, last = math.ceil(start_s / step - 1e-9), math.floor(end_s / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    for number in range(first, last + 1):
        label = f"{number * step:,.{decimals}f}"
        yield number * step, "0" if number == 0 else label


def step_for(seconds: float, most: int) -> float:
    """The smallest round step that gives at most so many parts: 1, 2 or 5 of a power of ten, then as clocks count."""
    wanted = max(seconds / max(1, most), 1e-6)
    if wanted > LONG_STEPS[-1]:
        return math.ceil(wanted / DAY_S) * DAY_S
    if wanted > 5.0:
        return next(step for step in LONG_STEPS if step >= wanted)
    power = 10.0 ** math.floor(math.log10(wanted) + 1e-9)
    return next(power * by for by in (1.0, 2.0, 5.0, 10.0) if power * by >= wanted * (1 - 1e-9))
