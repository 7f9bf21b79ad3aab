"""The largest resident size of this process since a moment, from Linux's own mark where it may be set back.

Memory of processes that a task starts is not in it. A forked environment begins with what it shares with the process
it was forked from.
"""

from __future__ import annotations

import re
from contextlib import suppress
from resource import RUSAGE_SELF, getrusage

MARK = re.compile(rb"VmHWM:\s*(\d+) kB")
SET_BACK = b"5"
"""What sets the mark back to the present size (proc(5), /proc/pid/clear_refs)."""


def mark_memory() -> None:
    """From here on the peak counts; where that cannot be said it is that of the process's whole life."""
    with suppress(OSError), open("/proc/self/clear_refs", "wb", buffering=0) as file:
        file.write(SET_BACK)


def peak_memory_mb() -> float:
    """In MB of 1,024 KiB."""
    with suppress(OSError), open("/proc/self/status", "rb", buffering=0) as file:
        if found := MARK.search(file.read()):
            return int(found[1]) / 1024
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024
