"""Which tasks of a trace read and write more than any environment can hold.

Files of a recorded run lay on disks; here they are values in the memory of a worker. Where those of one task are more
than the largest environment has, a smaller scale is proposed.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.importers.scales import Scales, rounded_down
from compiler.importers.trace import Trace
from compiler.planner.profile import load_profile
from runtime.quantities import format_size

ROOM = 2.0
"""Between what the largest task's files take and the memory of the largest environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """`too_large` tasks have files of more than `limit_bytes`; then `fitting_scale` leaves the largest of them room."""

    too_large: int
    largest_bytes: int
    limit_bytes: int
    fitting_scale: float | None

    @classmethod
    def of(cls, trace: Trace, scales: Scales) -> Volumes:
        limit = load_profile().memory_max_mb << 20
        recorded = [sum(task.reads.values()) + sum(task.writes.values()) for task in trace.tasks]
        too_large = sum(scales.size(size) > limit for size in recorded)
        return cls(
            too_large=too_large,
            largest_bytes=scales.size(max(recorded)),
            limit_bytes=limit,
            fitting_scale=rounded_down(limit / ROOM / max(recorded)) if too_large else None,
        )

    def note(self) -> str:
        """ "" when every task fits into an environment."""
        if self.fitting_scale is None:
            return ""
        one = self.too_large == 1
        them = "it" if one else "them"
        return (
            f"{self.too_large:,} {'task reads and writes' if one else 'tasks read and write'} "
            f"{'' if one else 'up to '}{format_size(self.largest_bytes)}, and no environment has more than "
            f"{format_size(self.limit_bytes)}: `--bytes-scale {self.fitting_scale:g}` leaves {them} room"
        )
