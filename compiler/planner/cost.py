"""What a plan costs on a target, from a timeline of it, and what it is compared with."""

from __future__ import annotations

from compiler.planner.profile import TargetProfile
from runtime.costs import Cost, cost_of
from runtime.timeline import Timeline


def timeline_cost(timeline: Timeline, profile: TargetProfile) -> Cost:
    """Everything that the run's invocations would be billed for on this target."""
    return cost_of(timeline, profile.prices)


def transitions_cost(tasks: int, profile: TargetProfile) -> float:
    """What a Step Functions standard workflow would take for a transition into each task, without the work itself."""
    return tasks * profile.transition_usd
