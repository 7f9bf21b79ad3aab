"""The strategies of the house by name: each is loaded when it makes its first plan, for some need what others do not.

Names and the optimizations that go with them are known without. Only what makes a plan needs this module.
"""

from __future__ import annotations

from compiler.planner.model import Plan
from compiler.planner.problem import Problem
from compiler.planner.registry import HEEDED, ON_FLEXIBLE, ON_PINNED, STRATEGIES, strategy

__all__ = ["HEEDED", "STRATEGIES"]


@strategy("dask", heeds=("workers",))
def _dask(problem: Problem) -> Plan:
    from compiler.planner.dask import plan_dask

    return plan_dask(problem)


@strategy("non-uniform", allows=ON_PINNED, heeds=("workers", "rounds"))
def _non_uniform(problem: Problem) -> Plan:
    from compiler.planner.non_uniform import plan_non_uniform

    return plan_non_uniform(problem)


@strategy("simple", allows=ON_PINNED, heeds=("workers",))
def _simple(problem: Problem) -> Plan:
    from compiler.planner.simple import plan_simple

    return plan_simple(problem)


@strategy("treadle", allows=(*ON_PINNED, *ON_FLEXIBLE), heeds=("workers", "rounds"))
def _treadle(problem: Problem) -> Plan:
    from compiler.planner.treadle import plan_treadle

    return plan_treadle(problem)


@strategy("uniform", allows=ON_PINNED, heeds=("workers",))
def _uniform(problem: Problem) -> Plan:
    from compiler.planner.uniform import plan_uniform

    return plan_uniform(problem)


@strategy("wukong", allows=ON_FLEXIBLE)
def _wukong(problem: Problem) -> Plan:
    from compiler.planner.wukong import plan_wukong

    return plan_wukong(problem)
