"""The alarm that ends a task whose time is up, and a user's code that is asked something and may never answer.

There is one alarm per process (`ITIMER_REAL`), and user code may set it for its own ends: an alarm that comes before
the task's time is up was the task's. Off the main thread no alarm can be heard; there the driver's watch is the limit.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")

ASK_S = 2.0
AGAIN_S = 5.0
"""Code that swallows `TaskTimeout` and goes on is interrupted again after this time, each time."""

EARLY_S = 0.001
"""An alarm may come this much before the monotonic clock says so."""


class TaskTimeout(BaseException):
    """Raised inside user code when its time is up; no `except Exception` of the user's swallows it."""


class OwnAlarm(BaseException):
    """Raised inside user code by an alarm that it set itself and has no handler for."""


class TimeLimit:
    """The alarm of one process. User code runs one call after another; `until` is the monotonic end of this one."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._has_rung = False
        self._is_heard = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this is open, an alarm reaches the user code that runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGALRM, self._on_alarm)
        self._is_heard = True
        try:
            yield
        finally:
            self._is_heard = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    def within(self, seconds: float) -> TimeLimit:
        """A context: code that runs inside for longer is interrupted by `TaskTimeout`, which it cannot swallow."""
        self._has_rung = False
        if self._is_heard:
            self._until = time.monotonic() + seconds
            signal.setitimer(signal.ITIMER_REAL, seconds)
        return self

    def __enter__(self) -> None:
        """The time runs since `within`."""

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until = None  # the alarm stays set: nobody minds it, and to stop it costs as much as to set it
        if err is None and self._has_rung:
            raise TaskTimeout

    def asked(self, question: Callable[[], T], otherwise: T) -> T:
        """The answer, or `otherwise` when the question raises anything at all, or takes longer than `ASK_S`."""
        try:
            with self.within(ASK_S):
                return question()
        except BaseException:  # noqa: BLE001  what is asked is user code
            return otherwise

    def _on_alarm(self, signum: int, frame: FrameType | None) -> None:
        if self._until is None:
            return  # of a task that has ended since
        if time.monotonic() < self._until - EARLY_S:
            raise OwnAlarm
        self._has_rung = True
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        raise TaskTimeout


def leave_alarms_to_main() -> None:
    """For a thread beside: the system may give it an alarm that is to wake user code out of a system call."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGALRM,))
