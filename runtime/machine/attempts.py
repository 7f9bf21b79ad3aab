"""How often a task was tried: attempts counted across incarnations, and what follows when one failed.

Normally an attempt is written when it failed. After a death of the worker (*cautiously*), for a task with attempts in
earlier incarnations, and for one that is not idempotent, it is written before it runs, so that a task that kills its
process is known by name and counts against its own `retry`. An attempt that was announced and has no end when the next
incarnation begins was killed.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.events import Failed
from runtime.failures import brief_record, error_record
from runtime.machine.retries import KILLED, NAMES_OF_A_DEATH, repeats, wait_s
from runtime.machine.waiting import HOLD_S
from runtime.plan import Task
from runtime.ports import Attempt, Failure, Tried, Withdraw


class Attempts:
    """Numbers of attempts, from 1, by task. `token` is the chance that waits are drawn from."""

    def __init__(self, worker: str, token: str) -> None:
        self.is_cautious = False
        self._worker = worker
        self._token = token
        self._made: dict[str, int] = {}
        self._announced: set[str] = set()
        self._killed: set[str] = set()
        self._suspect: set[str] = set()

    def begin(self, written: Mapping[str, Tried], tries: int) -> None:
        """What `begin` returned: attempts written so far, and how often the worker began without progress."""
        self._made = {task: tried.number for task, tried in written.items()}
        self._killed = {task for task, tried in written.items() if tried.is_open}
        self._suspect = set(written)
        self.is_cautious = tries > 1

    def current(self, task: str) -> int:
        """The number of the attempt that runs or is about to."""
        return self._made.get(task, 0) + (task not in self._announced)

    def was_killed(self, task: str) -> bool:
        """The newest attempt of `task` ended with the process of an earlier incarnation."""
        return task in self._killed

    def is_announced(self, task: str) -> bool:
        """The attempt of `task` that runs or is about to is written."""
        return task in self._announced

    def must_announce(self, task: Task) -> bool:
        """The next attempt of `task` is to be written before it runs."""
        is_suspect = self.is_cautious or task.name in self._suspect or not task.is_idempotent
        lacks_place = task.gate is not None and self._made.get(task.name, 0) > 0
        return (is_suspect or lacks_place) and task.name not in self._announced

    def announce(self, task: Task) -> Attempt:
        """The next attempt, to be written before it runs."""
        number = self._made[task.name] = self._made.get(task.name, 0) + 1
        self._announced.add(task.name)
        return Attempt(task=task.name, number=number, gate=task.gate)

    def withdraw(self, task: str) -> Withdraw:
        """The attempt that was written last does not come to run here."""
        number = self._made[task]
        self._made[task] = number - 1
        self._announced.discard(task)
        return Withdraw(task=task, number=number)

    def failed(self, task: Task, event: Failed) -> Attempt | Failure:
        """An attempt failed: it is written and will be repeated, or the task has failed for good."""
        number = self._made[task.name] = self.current(task.name)
        self._announced.discard(task.name)
        if repeats(task.retry, event.names) and number <= task.retry.max:
            return self._repeated(task, number, event.brief)
        return Failure(task=task.name, record=event.record)

    def killed(self, task: Task) -> Attempt | Failure:
        """The same for the attempt that ended with an earlier incarnation."""
        self._killed.discard(task.name)
        number = self._made[task.name]
        if repeats(task.retry, NAMES_OF_A_DEATH) and number <= task.retry.max:
            return self._repeated(task, number, brief_record(KILLED, "the process ended in this attempt"))
        return Failure(task=task.name, record=self._death(task, number))

    def _repeated(self, task: Task, number: int, error: str) -> Attempt:
        pause = wait_s(task.retry, number, f"{self._token} {task.name}")
        gate = task.gate if pause > HOLD_S else None
        return Attempt(task=task.name, number=number, error=error, delay_s=pause, gate=gate)

    def _death(self, task: Task, number: int) -> str:
        may_repeat = repeats(task.retry, NAMES_OF_A_DEATH)
        if not (task.is_idempotent or (may_repeat and task.retry.max)):
            return self._unknown_end(task, number)
        each = "in its attempt" if number == 1 else f"in each of its {number} attempts"
        return error_record(
            task=task.name,
            attempt=number,
            attempts=task.retry.max + 1 if may_repeat else 0,
            worker=self._worker,
            kind=KILLED,
            message=f"the process of {task.name} was killed {each if may_repeat else f'in attempt {number}'}",
            line=task.line,
            file=task.file,
            on_error=task.on_error.action,
            hint="look at the environment's log; raise resources.memory if it ran out of memory, or split the task if "
            "it ran into the limit of an invocation",
        )

    def _unknown_end(self, task: Task, number: int) -> str:
        """Of a task that must not run twice nobody can say whether it did what it is for."""
        return error_record(
            task=task.name,
            attempt=number,
            worker=self._worker,
            kind=KILLED,
            message=(
                f"attempt {number} of {task.name} began and stored no result: its process was killed, or the result "
                f"was lost; {task.name} is not idempotent and is not repeated"
            ),
            line=task.line,
            file=task.file,
            hint="see whether its effect took place; `retry: {max: 2, on: [Killed]}` would repeat it all the same",
        )
