"""Whose turn it is: the tasks of a worker that could run, in order, with their attempts and the waits between them.

One task runs at a time. A ready task runs at once, unless its next attempt is not due yet, or is to be written before
it runs (`runtime.machine.attempts`). How long a failed task waits is `runtime.machine.retries`' to say; what a task
lacks before it is ready, `runtime.machine.inputs`'.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from runtime.events import Failed, RunTask, SetTimer
from runtime.machine.attempts import Attempts
from runtime.machine.waiting import Waiting
from runtime.plan import Task
from runtime.ports import Attempt, Begin, Failure, Withdraw


class Turns:
    """The queue of one incarnation. Times are those of the machine's clock, in seconds."""

    def __init__(self, worker: str, token: str, hold_s: float) -> None:
        self._attempts = Attempts(worker, token)
        self._waiting = Waiting(hold_s)
        self._ready: deque[str] = deque()
        self._running: str | None = None
        self._announcing: str | None = None
        self._written: str | None = None

    def begin(self, begin: Begin, now: float) -> None:
        """What earlier incarnations left: attempts made, and waits, which the store tells in its own time."""
        attempts = begin.attempts or {}
        self._attempts.begin(attempts, begin.tries)
        self._waiting.begin({task: tried.due - begin.now + now for task, tried in attempts.items() if tried.due})

    @property
    def is_cautious(self) -> bool:
        """After a death: attempts are written before they run, and outputs stored at once."""
        return self._attempts.is_cautious

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def head(self) -> str | None:
        """The task whose turn is next."""
        return self._ready[0] if self._ready else None

    @property
    def backlog(self) -> int:
        """How many tasks could run now."""
        return len(self._ready)

    def is_busy(self, now: float, *, is_stopping: bool) -> bool:
        """Something runs, or will without anybody else's doing, unless no attempt may start any more."""
        if self._running is not None or self._announcing is not None:
            return True
        return not is_stopping and (bool(self._ready) or self._waiting.is_worth_staying(now))

    def attempt(self, task: str) -> int:
        """The number, from 1, of the attempt of `task` that runs or is about to."""
        return self._attempts.current(task)

    def ready(self, task: str, now: float) -> tuple[SetTimer, ...]:
        """`task` lacks nothing: it is next in the queue, or waits until its next attempt is due."""
        if pause := self._waiting.pause(task, now):
            return (self.hold(task, pause, now),)
        self._ready.append(task)
        return ()

    def hold(self, task: str, pause: float, now: float) -> SetTimer:
        """`task` has its turn `pause` seconds from now."""
        self._waiting.hold(task, now + pause)
        return SetTimer(f"retry:{task}", pause)

    def release(self, task: str) -> None:
        """The wait of `task` is over."""
        if self._waiting.release(task):
            self._ready.append(task)

    def release_first(self) -> None:
        """The store's clock says that the first wait is over."""
        self.release(self._waiting.first())

    def next(self, tasks: Mapping[str, Task]) -> RunTask | Attempt | Failure | None:
        """The task to run now, or what is to be written first: an attempt about to be made, or one ended by a death."""
        if self._running is not None or self._announcing is not None or not self._ready:
            return None
        name = self._ready.popleft()
        if not self._attempts.must_announce(tasks[name]):
            self._running, self._written = name, None
            return RunTask(name, self._attempts.current(name))
        if self._attempts.was_killed(name):
            return self._attempts.killed(tasks[name])
        self._announcing = name
        return self._attempts.announce(tasks[name])

    def announced(self, tasks: Collection[str]) -> None:
        """The attempts of these tasks are written: the one that waited for it may run."""
        if self._announcing is not None and self._announcing in tasks:
            self._ready.appendleft(self._announcing)
            self._written, self._announcing = self._announcing, None

    def queued(self, task: str) -> None:
        """The attempt that was to be written got no place: `task` is not this worker's to run, for now."""
        if self._announcing == task:
            self._announcing = None
            self._attempts.withdraw(task)

    def withdraw(self) -> Withdraw | None:
        """No attempt may start any more: one that was written for it is taken back."""
        task, self._written = self._written, None
        return None if task is None else self._attempts.withdraw(task)

    def ended(self, task: str) -> None:
        """`task` does not run any more, if it did."""
        if self._running == task:
            self._running = None

    def cut(self, task: str) -> None:
        """The attempt of `task` was interrupted, and does not count; one that was written is taken back."""
        self.ended(task)
        self._ready.appendleft(task)
        if self._attempts.is_announced(task):
            self._written = task

    def occupy(self, task: str) -> None:
        """`task` failed for good, and something stands for its outputs: its turn lasts until they are delivered."""
        self._running = task

    def failed(self, task: Task, event: Failed) -> Attempt | Failure:
        """What follows from a failed attempt: the next one, or the end."""
        return self._attempts.failed(task, event)
