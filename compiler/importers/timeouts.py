"""Which tasks of a trace need a `timeout:` of their own, and which no invocation can hold.

A recorded run had no limits of Lambda's. A program whose longest task comes near the default gets twice that task's
time, for all its tasks, at most what the target allows; where even that is too little, a smaller scale is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from compiler.importers.scales import Scales, rounded_down
from compiler.importers.trace import Trace
from compiler.manifest.model import TaskOptions
from compiler.planner.profile import load_profile
from runtime.quantities import format_duration, seconds_text

ROOM = 2.0
"""Between what a task took and its timeout."""

MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """`by_category` in seconds, of the programs that need one. `too_long` tasks take more than any invocation lasts;
    then `fitting_scale` is a scale of times that leaves the longest of them room."""

    by_category: Mapping[str, float]
    too_long: int
    longest_s: float
    limit_s: float
    fitting_scale: float | None

    @classmethod
    def of(cls, trace: Trace, scales: Scales) -> Timeouts:
        limit_s, default_s = load_profile().timeout_max_s, TaskOptions().timeout_s
        longest: dict[str, float] = {}
        for task in trace.tasks:
            longest[task.category] = max(task.runtime_s * scales.time, longest.get(task.category, 0.0))
        too_long = sum(task.runtime_s * scales.time >= limit_s for task in trace.tasks)
        recorded_s = max(task.runtime_s for task in trace.tasks)
        return cls(
            by_category={
                category: min(limit_s, ceil(ROOM * seconds / MINUTE) * MINUTE)
                for category, seconds in longest.items()
                if ROOM * seconds > default_s
            },
            too_long=too_long,
            longest_s=recorded_s * scales.time,
            limit_s=limit_s,
            fitting_scale=rounded_down(limit_s / ROOM / recorded_s) if too_long else None,
        )

    def note(self) -> str:
        """ "" when every task fits into an invocation."""
        if self.fitting_scale is None:
            return ""
        one = self.too_long == 1
        takes = seconds_text(self.longest_s)
        return (
            f"{self.too_long:,} {'task takes' if one else 'tasks take'} {'' if one else 'up to '}{takes}, and no "
            f"invocation lasts longer than {format_duration(self.limit_s)}: `--time-scale {self.fitting_scale:g}` "
            f"leaves {'it' if one else 'them'} room"
        )
