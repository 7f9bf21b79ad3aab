"""Upload strategies: when a worker sends what it measured, as a value and as the text that users write.

`shutdown`, `task`, `every:5s` and `queue:50` are the same rule with two numbers: rows go when so many are pending, or
when the oldest of them is so old. Nothing here sends; `runtime.machine.uploading` minds the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from runtime.quantities import format_duration, parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Pending rows are sent when there are `rows` of them, or the oldest is `age_s` old; at the end in any case."""

    rows: float = math.inf
    age_s: float = math.inf


SHUTDOWN = Upload()
TASK = Upload(rows=1)


def parse_upload(text: str) -> Upload:
    """The strategy in `shutdown`, `task`, `every:DURATION` or `queue:ROWS`. Raises ValueError, with what to write."""
    kind, _, size = text.partition(":")
    match kind:
        case "shutdown" | "task" if kind == text:
            return TASK if kind == "task" else SHUTDOWN
        case "every" if size:
            return Upload(age_s=parse_duration(size))
        case "queue" if size.isascii() and size.isdecimal() and int(size) > 0:
            return Upload(rows=int(size))
    raise ValueError(f"{text!r} is no upload strategy; write shutdown, task, every:5s or queue:50")


def upload_text(said: object) -> str:
    """The text for what a manifest says under `upload`: a word, or a mapping of `every` or `queue`."""
    match said:
        case {"every": str(interval)}:
            return f"every:{format_duration(parse_duration(interval))}"
        case {"queue": int(rows)}:
            return f"queue:{rows}"
        case str():
            return said
    raise ValueError(f"{said!r} is no upload strategy")
