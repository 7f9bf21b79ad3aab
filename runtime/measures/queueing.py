"""How long an event waited for an environment: the local service says it in a field of the trace header.

Of all that comes with an event, AWS's runtime hands a handler only what Lambda itself sends; a trace header may have
fields of one's own (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
AWS does not say how long an event waited.
"""

from __future__ import annotations

VARIABLE = "_X_AMZN_TRACE_ID"
"""Where the runtime puts the header."""

FIELD = "Queued"
LONGEST = 20
"""Characters of a number of seconds."""


def with_queue(trace: str, queue_s: float) -> str:
    """The header with this field at its end, which counts before one that a caller sent."""
    return f"{trace};{FIELD}={queue_s:.6f}"


def queue_s_of(trace: str | None) -> float:
    """What the header says; 0 when it says nothing."""
    _, said, seconds = (trace or "").rpartition(f";{FIELD}=")
    is_number = said and seconds.isascii() and seconds.replace(".", "", 1).isdecimal() and len(seconds) <= LONGEST
    return float(seconds) if is_number else 0.0
