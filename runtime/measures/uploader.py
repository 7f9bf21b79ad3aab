"""Sends what an invocation measured while it goes on, on a thread of its own, as the upload strategy says.

A thread of its own, and not the one that commits: a send may never stand between a task's end and its commit. Nothing
that goes wrong with a send harms the run: the rows wait, are sent again, and it is said once. What is in a batch, and
that one which is sent twice counts once, is the sink's business; when rows go, that of `runtime.machine.uploading`.
"""

from __future__ import annotations

import logging
import threading
import time
from math import inf
from typing import Protocol

from runtime.errors import RuntimeFault
from runtime.machine.uploading import Uploading
from runtime.measures.upload import SHUTDOWN, Upload
from runtime.tasks.time_limit import leave_alarms_to_main


class Sink(Protocol):
    """Where rows wait to be sent."""

    @property
    def waiting(self) -> tuple[int, float]:
        """How many rows wait, and since when the oldest does, by the monotonic clock."""
        ...

    def send(self, *, is_last: bool) -> None:
        """Send all that waits; what cannot be sent waits on. Raises RuntimeFault."""
        ...


class Uploader:
    """One invocation's. With the strategy `shutdown` there is no thread, and everything goes at the end."""

    def __init__(self, sink: Sink, upload: Upload) -> None:
        self._sink = sink
        self._uploading = Uploading(upload)
        self._wakes = threading.Condition()
        self._wakes_at = inf
        self._enough = upload.rows if upload.rows < inf else 1
        self._is_over = False
        self._has_warned = False
        self._thread: threading.Thread | None = None
        if upload != SHUTDOWN:
            self._thread = threading.Thread(target=self._loop, name="treadle-spans", daemon=True)

    def begin(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def more(self) -> None:
        """More rows wait. The thread is woken when it sleeps until there are so many; else it looks by itself."""
        if self._wakes_at < inf and self._sink.waiting[0] >= self._wakes_at:
            with self._wakes:
                self._wakes.notify()

    def end(self, *, is_last: bool) -> None:
        """No send of this thread follows; `is_last`: one of the caller's does, with all that is left.

        After a first end there is nothing left, unless a task has ended since.
        """
        with self._wakes:
            has_ended, self._is_over = self._is_over, True
            self._wakes.notify()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        if is_last and not (has_ended and not self._sink.waiting[0]):
            self._send(is_last=True)

    def _loop(self) -> None:
        leave_alarms_to_main()
        while self._wait():
            self._send(is_last=False)

    def _wait(self) -> bool:
        """Until rows are due; False when it is over."""
        with self._wakes:
            while not self._is_over:
                self._wakes_at = self._enough
                due_at = self._uploading.due_at(*self._sink.waiting)
                if due_at < inf:
                    self._wakes_at = inf
                if (left_s := due_at - time.monotonic()) <= 0:
                    break
                self._wakes.wait(min(left_s, threading.TIMEOUT_MAX))
            self._wakes_at = inf
            return not self._is_over

    def _send(self, *, is_last: bool) -> None:
        began = time.monotonic()
        try:
            self._sink.send(is_last=is_last)
        except RuntimeFault as fault:
            self._uploading.failed(time.monotonic())
            self._warn(fault)
        else:
            self._uploading.sent(began, time.monotonic())

    def _warn(self, fault: RuntimeFault) -> None:
        if not self._has_warned:
            self._has_warned = True
            logging.getLogger(__name__).warning("warning: measurements of this run cannot be sent: %s", fault.message)
