"""What a task had of the CPU: how long it was worked on, and how long it was ready while others had every core.

A look costs some microseconds, which a task of nothing would feel. So one look serves all tasks that begin within
`FRESH_S` of it, what went by since it is taken for work of the worker's own, and a task shorter than `LEAST_S` is not
looked at: it is all work. The waiting is the main thread's, from Linux's scheduler (`/proc/thread-self/schedstat`: ns
on a CPU, ns ready for one, https://docs.kernel.org/scheduler/sched-stats.html); where it does not say it is 0. The
work is that of all threads, and of the child processes that have ended.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from math import inf
from resource import RUSAGE_CHILDREN, getrusage

from runtime.measures.spans import CpuTime

FRESH_S = 0.001
LEAST_S = 0.002
SCHEDSTAT = "/proc/thread-self/schedstat"


def thread_delay_s() -> float:
    """How long this thread was ready while others had every core, in all its life."""
    with suppress(OSError, ValueError, IndexError), open(SCHEDSTAT, "rb", buffering=0) as file:
        return int(file.read().split()[1]) / 1e9
    return 0.0


class CpuMeter:
    """That of the thread that makes it, until `close`."""

    def __init__(self) -> None:
        self._file = -1
        self._looked_at = -inf
        self._used_s = self._delay_s = 0.0
        with suppress(OSError):
            self._file = os.open(SCHEDSTAT, os.O_RDONLY)

    def close(self) -> None:
        """Nothing is asked of it any more."""
        if self._file >= 0:
            with suppress(OSError):  # a task may have closed what it did not open
                os.close(self._file)
        self._file = -1

    def begin(self, now: float) -> None:
        """A task begins, by the monotonic clock."""
        if now - self._looked_at > FRESH_S:
            self._look(now)

    def took(self, began: float, ended: float, apart_s: float) -> CpuTime | None:
        """What the task between two points in time had, without `apart_s` of work that was not its own; None of a
        short one.

        Nobody says when since the look it had to wait: its own time takes its part.
        """
        if ended - began < LEAST_S:
            return None
        since_s, apart_s = ended - self._looked_at, began - self._looked_at + apart_s
        used_s, delay_s = self._used_s, self._delay_s
        self._look(ended)
        own_part = max(0.0, since_s - apart_s) / since_s
        return CpuTime(
            used_s=max(0.0, self._used_s - used_s - apart_s),
            delay_s=min(max(0.0, self._delay_s - delay_s), since_s) * own_part,
        )

    def _look(self, now: float) -> None:
        children = getrusage(RUSAGE_CHILDREN)
        self._looked_at = now
        self._used_s = time.process_time() + children.ru_utime + children.ru_stime
        self._delay_s = self._ready_s()

    def _ready_s(self) -> float:
        """How long this thread was ready and had no CPU so far; as before where nobody says."""
        if self._file < 0:
            return self._delay_s
        try:
            return int(os.pread(self._file, 96, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return self._delay_s
