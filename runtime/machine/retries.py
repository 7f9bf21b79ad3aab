"""What `retry` says: which failures are repeated, and how long the next attempt waits.

Pure: chance comes in as a text to draw from, so that the same seed gives the same waits. Who counts attempts is
`runtime.machine.attempts`, who waits for them `runtime.machine.waiting`, how an exception is named
`runtime.tasks.failure_names`.
"""

from __future__ import annotations

from collections.abc import Collection

from runtime.plan import Retry

KILLED = "Killed"
OUT_OF_MEMORY = "OutOfMemory"
NAMES_OF_A_DEATH = (KILLED, OUT_OF_MEMORY)
"""What the end of a process in mid-attempt is called: nobody says what killed it, and often it was its memory."""

SECRET_UNAVAILABLE, SECRET_RETURNED = "SecretUnavailable", "SecretReturned"
PERMANENT = frozenset({SECRET_UNAVAILABLE, SECRET_RETURNED})
"""What another attempt would not change: repeated only where `on` names it."""

LONGEST_WAIT_S = 24 * 3600.0
DECORRELATED_FACTOR = 3.0


def repeats(retry: Retry, names: Collection[str]) -> bool:
    """Whether a failure that goes by these names is one that `retry` repeats, as long as attempts are left."""
    if retry.kills_only:
        return KILLED in names
    if not retry.on:
        return PERMANENT.isdisjoint(names)
    return not set(retry.on).isdisjoint(names)


def wait_s(retry: Retry, failed: int, seed: str) -> float:
    """Seconds from the end of attempt `failed` (from 1) to the next one; never more than a day.

    `none`: delay · backoff^(failed-1), at most `max_delay`. `full` draws between 0 and that, `equal` between its half
    and the whole. `decorrelated` draws between `delay` and `backoff` (3 when it is 1) times the wait before.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    longest = min(LONGEST_WAIT_S, LONGEST_WAIT_S if retry.max_delay_s is None else retry.max_delay_s)
    if not retry.delay_s:
        return 0.0
    if retry.jitter == "none":
        return _grown(retry, failed, longest)
    from random import Random  # loading it costs milliseconds that a worker without failures does not pay

    chance = Random(seed)
    if retry.jitter == "decorrelated":
        wait = retry.delay_s
        factor = retry.backoff if retry.backoff > 1 else DECORRELATED_FACTOR
        for _ in range(failed):
            wait = min(longest, chance.uniform(retry.delay_s, wait * factor))
        return wait
    part = [chance.random() for _ in range(failed)][-1]
    whole = _grown(retry, failed, longest)
    return whole * part if retry.jitter == "full" else whole * (1 + part) / 2


def _grown(retry: Retry, failed: int, longest: float) -> float:
    try:
        return min(longest, retry.delay_s * retry.backoff ** (failed - 1))
    except OverflowError:
        return longest
