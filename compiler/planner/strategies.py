"""The strategies of the house by name: importing them registers them. Only what makes a plan needs this module."""

from __future__ import annotations

from compiler.planner import dask, non_uniform, simple, treadle, uniform, wukong
from compiler.planner.registry import STRATEGIES

__all__ = ["PLANNERS", "STRATEGIES"]

PLANNERS = (
    dask.plan_dask,
    non_uniform.plan_non_uniform,
    simple.plan_simple,
    treadle.plan_treadle,
    uniform.plan_uniform,
    wukong.plan_wukong,
)
