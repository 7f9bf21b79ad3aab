r"""Marks in an environment's log, so that each line can be told by run, worker, task and attempt.

A mark is `\x1e`, one JSON object and a line's end; it follows what it speaks of: of the bytes before it, the last
`bytes` were written while this attempt ran. A task that writes nothing has none: whether it wrote is one look at the
place in the file, a quarter of a microsecond. Attempts that run for long, or were repeated, are also marked while they
run (`open`), so that what a process wrote before it was killed is known. Where the log is no file nothing is marked.
What is on its way through a filter (`runtime.secrecy.log`) is waited for before a mark is set.
"""

from __future__ import annotations

import json
import os
import stat
import threading

from runtime.secrecy.log import Log

MARK = b"\x1e"


class LogMarks:
    """The marks of one incarnation."""

    def __init__(self, run: str, worker: str, incarnation: str, log: Log) -> None:
        self._log = log
        self._head = {"run": run, "worker": worker, "incarnation": incarnation}
        self._lock = threading.Lock()
        self._at = -1
        try:
            log.settle()
            if stat.S_ISREG(os.fstat(log.descriptor).st_mode):
                self._write({})
        except OSError:
            return

    def ended(self, task: str, attempt: int) -> None:
        """An attempt has ended: what it wrote since the last mark is its."""
        if self._at >= 0:
            try:
                self._log.flush()
                if os.lseek(self._log.descriptor, 0, os.SEEK_CUR) != self._at:
                    self._mark(task, attempt, is_open=False)
            except OSError:
                self._at = -1

    def runs(self, task: str, attempt: int) -> None:
        """An attempt is about to run, or still does."""
        if self._at >= 0:
            try:
                self._log.settle()
                self._mark(task, attempt, is_open=True)
            except OSError:
                self._at = -1

    def _mark(self, task: str, attempt: int, *, is_open: bool) -> None:
        with self._lock:
            wrote = os.lseek(self._log.descriptor, 0, os.SEEK_CUR) - self._at
            if wrote < 0:
                self._at = -1  # another file stands there now
                return
            what: dict[str, object] = {"task": task, "attempt": attempt, "bytes": wrote}
            self._write({**what, "open": True} if is_open else what)

    def _write(self, what: dict[str, object]) -> None:
        os.write(self._log.descriptor, MARK + json.dumps({**self._head, **what}).encode() + b"\n")
        self._at = os.lseek(self._log.descriptor, 0, os.SEEK_CUR)


def part_of_run(log: bytes, run: str) -> bytes:
    """The stretch of a log from the first mark of a run to where another one goes on after its last.

    A log without any mark, of an environment that never began, is everybody's.
    """
    own = MARK + json.dumps({"run": run}).encode()[:-1]
    first, last = log.find(own), log.rfind(own)
    if first < 0:
        return b"" if MARK in log else log
    after = log.find(MARK + b'{"run": ', last + 1)
    return log[first:after] if after >= 0 else log[first:]
