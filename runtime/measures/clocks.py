"""The store's clock as one process knows it: an estimate from answers that carry the store's time. Shipped.

Every time that machines compare is Redis's. A process keeps its own time by the monotonic clock, which nobody sets, and
learns from an answer that the store's clock said `now` between the question and the answer. Half of the way between is
the best guess (Cristian's algorithm), wrong by at most half of the round trip; so the quickest trip counts, until what
the two clocks may have drifted apart since is worse than a new one. No question is asked for this alone.
"""

from __future__ import annotations

from math import inf

DRIFT = 50e-6
"""Seconds that two undisciplined clocks may drift apart in a second; crystals are good to 20 to 50 millionths."""


class StoreClock:
    """Points in time of this process's monotonic clock on the store's."""

    def __init__(self) -> None:
        self._best = (0.0, inf, 0.0)
        """Seconds that the store is ahead, how wrong that was when it was heard, and when it was: replaced as one."""

    @property
    def is_known(self) -> bool:
        return self._best[1] < inf

    def heard(self, now: float, asked_at: float, answered_at: float) -> None:
        """The store's clock said `now` between these two points of the monotonic clock."""
        error = (answered_at - asked_at) / 2
        if error < self.error(answered_at):
            self._best = (now - (asked_at + answered_at) / 2, error, answered_at)

    def at(self, moment: float) -> float:
        """`moment` of the monotonic clock, on the store's. 0.0 while nothing was heard."""
        ahead, error, _ = self._best
        return moment + ahead if error < inf else 0.0

    def error(self, moment: float) -> float:
        """How wrong `at(moment)` may be, in seconds."""
        _, error, since = self._best
        return error + DRIFT * abs(moment - since)
