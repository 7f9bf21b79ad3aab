"""The strategies by name: a plain dict, filled by a decorator.

A strategy is a function from a problem to a plan. A new one is a module with such a function, imported by
`compiler.planner.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable

from compiler.planner.model import Plan
from compiler.planner.problem import Problem

Strategy = Callable[[Problem], Plan]

STRATEGIES: dict[str, Strategy] = {}


def strategy(name: str) -> Callable[[Strategy], Strategy]:
    """Register the decorated function as the planner `name`."""

    def register(function: Strategy) -> Strategy:
        assert name not in STRATEGIES, f"two strategies are named {name}"
        STRATEGIES[name] = function
        return function

    return register
