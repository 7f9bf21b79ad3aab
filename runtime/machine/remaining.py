"""What is left of an invocation: whether another attempt may begin, and what becomes of one that the end cuts.

Lambda ends an invocation at its limit, whatever runs. So nothing begins that will probably not end before: no attempt
of a function for which less is left than its longest one took here, and no attempt of a task that is not idempotent
unless its whole `timeout` is left, or half of an invocation where none can hold that. An attempt that is cut all the
same is repeated in a fresh invocation and does not count, unless it had the invocation to itself: then no other will be
long enough. The first attempt of an invocation has, when its task was granted from the beginning and inputs did not
take more than half of the time; it always may begin.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil, inf

from runtime.plan import Function, Task

SHARE_OF_LIMIT = 0.2
"""At most so much of a short limit is kept for handing over."""

ROUNDING_S = 0.001
SHORT_S = 0.01
"""A function that took less is not remembered: its next attempt fits in any margin, and tiny tasks pay nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of an invocation. At `until`, on the machine's clock, it hands over; `margin_s` later it is killed.

    `limit_s` is Lambda's limit, in whole seconds as it is set.
    """

    until: float
    margin_s: float
    limit_s: int

    @property
    def stuck_at(self) -> float:
        """When an attempt that has not let itself be interrupted is given up: the rest is for handing over."""
        return self.until + self.margin_s / 2

    @property
    def last_call_at(self) -> float:
        """Until when a call that Lambda refuses may be tried again: then the invocation has to return."""
        return self.until + 0.75 * self.margin_s

    @property
    def grace_s(self) -> float:
        """How long a command that is asked to end may take."""
        return self.margin_s / 4


def deadline_in(remaining_s: float, now: float, time_margin_s: float) -> Deadline:
    """The deadline of an invocation that has just begun and has `remaining_s` left."""
    margin_s = min(time_margin_s, SHARE_OF_LIMIT * remaining_s)
    return Deadline(until=now + remaining_s - margin_s, margin_s=margin_s, limit_s=ceil(remaining_s - ROUNDING_S))


class Remaining:
    """The time of one invocation, which hands over at `until` on the machine's clock."""

    def __init__(self, until: float = inf) -> None:
        self._until = until
        self._granted: Collection[str] = ()
        self._has_started = False
        self._alone: str | None = None
        self._longest: dict[Function, float] = {}
        self._began_at = 0.0
        self._whole = 0.0

    def begun(self, granted: Collection[str], now: float) -> None:
        """The tasks that were granted from the beginning, which is now."""
        self._granted = granted
        self._whole = self._until - now

    def is_enough(self, task: Task, now: float) -> bool:
        """An attempt of `task` may begin."""
        if not self._has_started:
            return True
        need = self._longest.get(task.function, 0.0) if self._longest else 0.0
        if not task.is_idempotent:
            need = max(need, task.timeout_s if task.timeout_s <= self._whole else self._whole / 2)
        return now + need < self._until

    def started(self, task: Task, now: float) -> None:
        is_alone = not self._has_started and task.name in self._granted and self._until - now >= self._whole / 2
        self._alone = task.name if is_alone else None
        self._has_started = True
        self._began_at = now

    def ended(self, task: Task, now: float) -> None:
        took = now - self._began_at
        if took >= SHORT_S and took > self._longest.get(task.function, 0.0):
            self._longest[task.function] = took

    def may_repeat(self, task: Task) -> bool:
        """An attempt of `task` that the invocation's end cut is no failure: another may have more time."""
        return task.is_idempotent and self._alone != task.name
