"""Tasks whose next attempt is not due yet: which ones wait here, and whether their worker should stay for them.

A short wait is sat out, while other tasks run. A worker that has nothing but long waits leaves: the store knows when
the first one is due, and the worker is called again then. Times are those of the machine's clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

HOLD_S = 1.0
"""The longest wait for which an environment is kept that has nothing else to do: about what a new call costs."""


class Waiting:
    """When the next attempt of a task is due, and which of these tasks would run now if it were."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._due: dict[str, float] = {}
        self._held: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def begin(self, due: Mapping[str, float]) -> None:
        """What earlier incarnations left waiting."""
        self._due.update(due)

    def pause(self, task: str, now: float) -> float:
        """Seconds until the next attempt of `task` is due."""
        return max(0.0, self._due.get(task, 0.0) - now)

    def hold(self, task: str, due: float) -> None:
        """`task` would run, but for its wait."""
        self._due[task] = due
        self._held[task] = None

    def release(self, task: str) -> bool:
        """The wait of `task` is over; False when it did not wait here."""
        self._due.pop(task, None)
        return task in self._held and self._held.pop(task) is None

    def first(self) -> str:
        """The task that is due first."""
        return min(self._held, key=self._due.__getitem__)

    def is_worth_staying(self, now: float) -> bool:
        """One of the waits is so short that the environment is kept for it."""
        return any(self._due[task] - now <= self._hold_s for task in self._held)
