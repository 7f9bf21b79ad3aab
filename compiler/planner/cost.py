"""What a run costs on a target, from its timeline: a simulated one, or a real one.

Lambda bills each invocation's time by memory, the start of a cold environment included, and each request; waiting
counts. What Redis costs is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.planner.profile import TargetProfile
from runtime.timeline import Timeline

MB_PER_GB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars, and what they are made of."""

    usd: float
    gb_s: float
    requests: int


def timeline_cost(timeline: Timeline, profile: TargetProfile) -> Cost:
    """Everything that the run's invocations would be billed for. A cold start counts from the call on: of what it took
    nearly everything is the environment's start."""
    gb_s = usd = 0.0
    for one in timeline.invocations:
        up = one.start_up
        began = up.invoke_time if up.state == "cold" else up.start_time
        used = max(0.0, up.ended_at - began) * up.memory_mb / MB_PER_GB
        gb_s += used
        usd += used * profile.gb_second_price(up.env_class)
    requests = len(timeline.invocations)
    return Cost(usd=usd + requests * profile.request_usd, gb_s=gb_s, requests=requests)


def transitions_cost(tasks: int, profile: TargetProfile) -> float:
    """What a Step Functions standard workflow would take for a transition into each task, without the work itself."""
    return tasks * profile.transition_usd


def dollars(usd: float) -> str:
    """Three digits that count."""
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.{2 - _exponent(usd)}f}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
