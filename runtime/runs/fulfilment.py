"""What was promised of a run, beside what it did: as people and programs see it. Pure.

Only a run that succeeded in one launch can be held against its promise; of others a promise is shown as what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.moments import Part
from runtime.promise import PERCENTILES, Promise
from runtime.quantities import seconds_text
from runtime.timeline import Timeline

TOLD = (50, 90, 95, 99)
"""The percentiles of a promise that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """`makespan_s` is what the run took; None where it is not to be held against its promise."""

    promise: Promise
    makespan_s: float | None

    @property
    def percentile(self) -> int | None:
        """The least percentile that the run kept within; 100 when it took longer than the last one."""
        return None if self.makespan_s is None else self.promise.rank(self.makespan_s) + 1


def fulfilment_of(promise: Promise | None, timeline: Timeline | None, *, is_success: bool) -> Fulfilment | None:
    """None of a run of which nothing was promised."""
    if promise is None:
        return None
    is_whole = is_success and timeline is not None and timeline.makespan_s > 0 and timeline.is_of_one_launch
    return Fulfilment(promise=promise, makespan_s=timeline.makespan_s if timeline is not None and is_whole else None)


def fulfilment_text(found: Fulfilment) -> str:
    """One line: what was promised, and where in it the run fell."""
    parts = [f"p{percentile} {seconds_text(found.promise.within(percentile))}" for percentile in TOLD]
    match found.percentile:
        case None:
            fell = ""
        case percentile if percentile > PERCENTILES:
            fell = f" · this run took longer than p{PERCENTILES}"
        case percentile:
            fell = f" · this run kept within p{percentile}"
    return f"{'  '.join(parts)}{fell}"


def fulfilment_object(found: Fulfilment) -> dict[str, object]:
    """The `--json` object. `percentile` is the least that the run kept within, 100 for none, null where the run is not
    to be held against its promise; `totals` are worker-seconds."""
    promise = found.promise
    return {
        "percentile": found.percentile,
        "makespan_s": {
            "average": promise.mean_s,
            **{f"p{percentile}": promise.within(percentile) for percentile in TOLD},
        },
        "cost_usd": promise.cost_usd,
        "totals": {f"{part.value}_s": promise.seconds.get(part.value) for part in Part},
        "cold_starts": promise.cold,
        "warm_starts": promise.warm,
        "samples": promise.samples,
        "runs": promise.runs,
    }
