"""What a local service has for the next run: environments that are idle, by class, and the limits that it meets."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.local.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPool:
    """`idle` environments by class; the newest of all was made at `since`, in seconds since 1970."""

    idle: Mapping[str, int] = field(default_factory=dict)
    since: float = 0.0


def warm_pool(status: Mapping[str, Any], function_prefix: str) -> WarmPool:
    """Of the functions with that prefix, from the service's own account of itself."""
    found = [
        one
        for one in status["environments"]
        if one["state"] == State.IDLE.value and one["function"].startswith(function_prefix)
    ]
    if not found:
        return WarmPool()
    idle = Counter(one["function"].removeprefix(function_prefix) for one in found)
    return WarmPool(idle=dict(sorted(idle.items())), since=time.time() - min(one["age_s"] for one in found))


def limits_of(status: Mapping[str, Any]) -> tuple[int, float]:
    """How many environments may live at once, and for how many seconds an idle one does, by the service's account."""
    return int(status["concurrency_limit"]), float(status["idle_expiry_s"])
