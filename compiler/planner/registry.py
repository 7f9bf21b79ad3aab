"""The strategies by name: a plain dict, filled by a decorator.

A strategy is a function from a problem to a plan. A new one is a module with such a function, named in
`compiler.planner.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable

from compiler.planner.model import Plan
from compiler.planner.problem import Problem

Strategy = Callable[[Problem], Plan]

STRATEGIES: dict[str, Strategy] = {}


ALLOWED: dict[str, tuple[str, ...]] = {}
"""By planner the optimizations that go with its plans."""

ON_PINNED = ("preload", "prewarm", "task-dup", "stream")
"""Optimizations that know beforehand who runs what."""

ON_FLEXIBLE = ("clustering", "delayed-io")
"""Optimizations that decide at run time who goes on."""


HEEDED: dict[str, tuple[str, ...]] = {}
"""By planner the settings that its plans depend on, of those that not all have a use for."""


def strategy(name: str, *, allows: tuple[str, ...] = (), heeds: tuple[str, ...] = ()) -> Callable[[Strategy], Strategy]:
    """Register the decorated function as the planner `name`, with the optimizations that go with its plans and the
    settings that it heeds."""

    def register(function: Strategy) -> Strategy:
        assert name not in STRATEGIES, f"two strategies are named {name}"
        STRATEGIES[name], ALLOWED[name], HEEDED[name] = function, allows, heeds
        return function

    return register
