"""Links: what lies between an environment and the store, as two figures, and how people write them.

    none            nothing but what is there
    lambda          as between AWS Lambda and a Redis in the same zone: 1 ms there and back, 78 MB/s each way
    5ms,20MB/s      a round trip, a bandwidth of each environment in each direction, or one of them

How bytes are held to it is the business of `runtime.local.link`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.quantities import format_duration, parse_duration, parse_size

NO_LINK = "none"
NETWORK_VARIABLE = "TREADLE_NETWORK"
"""The variable of a local function that names its link. The service reads it; environments do not have it."""

LONGEST_TRIP_S = 1.0
"""Beyond it, a worker would be taken for dead, which renews its lease in time."""

LEAST_BYTES_PER_S = 1_000_000
"""Below it, one part of a large value would take longer than a connection waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShape:
    """`round_trip_s` there and back; `bytes_per_s` of one environment, in each direction, inf for no bound."""

    round_trip_s: float = 0.0
    bytes_per_s: float = math.inf

    @property
    def text(self) -> str:
        """What `parse_link` reads back, with the figures whatever name they had."""
        trip = [format_duration(self.round_trip_s)] if self.round_trip_s else []
        rate = [] if math.isinf(self.bytes_per_s) else [f"{_decimal(int(self.bytes_per_s))}/s"]
        return ",".join(trip + rate) or NO_LINK


DIRECT = LinkShape()
NAMED: Mapping[str, LinkShape] = {
    NO_LINK: DIRECT,
    "lambda": LinkShape(round_trip_s=0.001, bytes_per_s=78_000_000),
}
"""Those with names; `lambda` as the newest profile in `schemas/profiles` has it."""


def parse_link(text: str) -> LinkShape:
    """The link that somebody names or states. Raises ValueError."""
    if text in NAMED:
        return NAMED[text]
    try:
        shape = _stated(text)
    except ValueError:
        raise ValueError(f"{text!r} is no link; write {', '.join(NAMED)}, or figures such as 5ms,20MB/s") from None
    if shape.round_trip_s > LONGEST_TRIP_S:
        longest = format_duration(LONGEST_TRIP_S)
        raise ValueError(f"a round trip of {format_duration(shape.round_trip_s)} is too long; it is at most {longest}")
    if shape.bytes_per_s < LEAST_BYTES_PER_S:
        rate = f"{_decimal(int(shape.bytes_per_s))}/s"
        raise ValueError(f"{rate} is too slow; a link carries at least {_decimal(LEAST_BYTES_PER_S)}/s")
    return shape


def _stated(text: str) -> LinkShape:
    """From figures, each once at most. Raises ValueError."""
    trips = [part for part in text.split(",") if not part.endswith("/s")]
    rates = [part for part in text.split(",") if part.endswith("/s")]
    if len(trips) > 1 or len(rates) > 1:
        raise ValueError("one round trip, one bandwidth")
    return LinkShape(
        round_trip_s=parse_duration(trips[0]) if trips else 0.0,
        bytes_per_s=parse_size(rates[0].removesuffix("/s")) if rates else math.inf,
    )


def _decimal(size: int) -> str:
    """Exactly, in the largest decimal unit that has no remainder."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if size % 1000**power == 0:
            return f"{size // 1000**power}{unit}"
    return f"{size}B"
