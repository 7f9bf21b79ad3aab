"""What a run costs on Lambda, or would cost there, from its timeline: a simulated one, or a real one. Pure.

Lambda bills each invocation's time by memory, the start of a cold environment included, and each request; waiting
counts. What Redis costs is not in it. Prices are the target profile's, and part of a bundle. Client side, not shipped.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.prices import MB_PER_GB, Prices
from runtime.timeline import InvocationSpans, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars, and what they are made of."""

    usd: float
    gb_s: float
    requests: int


def cost_of(timeline: Timeline, prices: Prices) -> Cost:
    """Everything that the run's invocations would be billed for. A cold start counts from the moment on at which
    its environment began to be made; what an event waits for one costs nothing."""
    gb_s = usd = 0.0
    for one in timeline.invocations:
        up = one.start_up
        began = up.given_at if up.state == "cold" else up.start_time
        used = max(0.0, _ended(one) - began) * up.memory_mb / MB_PER_GB
        gb_s += used
        usd += used * prices.gb_second(up.env_class)
    requests = len(timeline.invocations)
    return Cost(usd=usd + requests * prices.request_usd, gb_s=gb_s, requests=requests)


def _ended(one: InvocationSpans) -> float:
    """The end of an invocation, or the last that was heard of one that never told it."""
    ends = (max(span.started_at + span.exec_s, span.committed_at) for span in one.spans)
    return one.start_up.ended_at or max(ends, default=one.start_up.start_time)
