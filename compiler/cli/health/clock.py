"""How far this machine's clock is from Redis's, from a few questions, as workers estimate it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from compiler.cli.health.findings import Finding, ok, warning
from runtime.measures.clocks import StoreClock
from runtime.quantities import format_duration

QUESTIONS = 7
FAR_S = 1.0
HINT = (
    "set both clocks by NTP: leases and spans go by Redis's clock, but `treadle runs` shows times of the machine that"
    " launched, and whoever follows a run from another one counts its deadline with that difference"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """This machine's clock less the server's, in seconds; the truth lies within `bound_s` of it."""

    offset_s: float
    bound_s: float


def measure(ask: Callable[[], float], wall: Callable[[], float], elapsed: Callable[[], float]) -> Offset:
    """`ask` tells the server's time; `wall` is this machine's clock, `elapsed` one that nobody sets."""
    known = StoreClock()
    for _ in range(QUESTIONS):
        asked_at = elapsed()
        server = ask()
        known.heard(server, asked_at, elapsed())
    now = elapsed()
    return Offset(offset_s=wall() - known.at(now), bound_s=known.error(now))


def clock(ask: Callable[[], float]) -> Finding:
    found = measure(ask, time.time, time.monotonic)
    side = "ahead of" if found.offset_s > 0 else "behind"
    apart = f"{_text(abs(found.offset_s))} {side} Redis's" if abs(found.offset_s) > found.bound_s else "that of Redis"
    text = f"{apart}, within {_text(found.bound_s)}"
    return warning("clock", text, HINT) if abs(found.offset_s) > FAR_S else ok("clock", text)


def _text(seconds: float) -> str:
    return format_duration(round(seconds, 1)) if seconds >= 1 else f"{round(seconds * 1000, 2):g}ms"
