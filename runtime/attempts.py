"""How often a task may be tried: attempts counted across incarnations, and what follows when one failed.

Normally an attempt is written when it failed. After a death of the worker (*cautiously*) it is written before
it runs, so that a task that kills its process is known by name and counts against its own `retry`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.events import Failed
from runtime.failures import error_record
from runtime.plan import Task
from runtime.ports import Attempt, Failure


class Attempts:
    """Numbers of attempts, from 1, by task."""

    def __init__(self, worker: str) -> None:
        self.is_cautious = False
        self._worker = worker
        self._made: dict[str, int] = {}

    def begin(self, written: Mapping[str, int], tries: int) -> None:
        """What `begin` returned: attempts written so far, and how often the worker began without progress."""
        self._made.update(written)
        self.is_cautious = tries > 1

    def current(self, task: str) -> int:
        """The number of the attempt that runs or is about to."""
        return self._made.get(task, 0) + (not self.is_cautious)

    def announce(self, task: Task) -> Attempt | Failure:
        """Cautiously: the next attempt, to be written before it runs; a failure when there is none left."""
        made = self._made.get(task.name, 0)
        if made > task.retry.max:
            return Failure(task=task.name, record=self._killed(task, made))
        self._made[task.name] = made + 1
        return Attempt(task=task.name, number=made + 1)

    def failed(self, task: Task, event: Failed) -> Attempt | Failure:
        """An attempt failed: it is written and may be repeated, or the task has failed for good."""
        number = self._made[task.name] = self.current(task.name)
        if (event.killed or not task.retry.kills_only) and number <= task.retry.max:
            return Attempt(task=task.name, number=number)
        return Failure(task=task.name, record=event.record)

    def _killed(self, task: Task, made: int) -> str:
        return error_record(
            task=task.name,
            attempt=made,
            worker=self._worker,
            kind="Killed",
            message=f"the process of {task.name} was killed in each of its {made} attempts",
            line=task.line,
            file=task.file,
            hint="look at the environment's log; raise resources.memory if it ran out of memory",
        )
