"""What an environment uses of the machine: memory of its processes and bytes of its log, both with a bound.

Memory is looked at, not enforced by the system: what grows past the function's size is seen within a moment, and killed
as Lambda does. Counted is what the processes have for themselves, not pages that they share with their fork server or
map from files. Where there is no `/proc` nothing is seen, and the service's status says so.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

HAS_PROC = os.path.isdir("/proc/self")
LOG_HEAD_BYTES = 1 << 20
LOG_TAIL_BYTES = 4 << 20
LOG_SLACK_BYTES = 4 << 20
MAX_PROCESSES = 200
_PUNCH_HOLE_KEEP_SIZE = 0x03
_OWN = ("RssAnon:", "RssShmem:", "VmSwap:")


def memory_of(pid: int) -> int:
    """Bytes that a process and its children have for themselves; 0 when it has gone."""
    return sum(_own_memory(one) for one in _family(pid))


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process: it will not go on by itself."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def trim_log(descriptor: int) -> None:
    """Give back the disk that the middle of a long log takes: it becomes a hole, and all places in the file stay."""
    size = os.fstat(descriptor).st_size
    if size <= LOG_HEAD_BYTES + LOG_TAIL_BYTES + LOG_SLACK_BYTES:
        return
    taken = os.fstat(descriptor).st_blocks * 512
    if taken > LOG_HEAD_BYTES + LOG_TAIL_BYTES + LOG_SLACK_BYTES:
        start = LOG_HEAD_BYTES
        if not _punch(descriptor, start, size - LOG_TAIL_BYTES - start):
            os.ftruncate(descriptor, start)


def _family(pid: int) -> Iterator[int]:
    waiting = [pid]
    for count, one in enumerate(waiting):
        if count == MAX_PROCESSES:
            return
        yield one
        with suppress(OSError), open(f"/proc/{one}/task/{one}/children") as file:
            waiting += map(int, file.read().split())


def _own_memory(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = [line.split() for line in file if line.startswith(_OWN)]
    except (OSError, ValueError):
        return 0
    return sum(int(words[1]) << 10 for words in lines)


def _punch(descriptor: int, start: int, length: int) -> bool:
    """Make a hole in a file; False where the system cannot."""
    if sys.platform != "linux":
        return False
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return bool(fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, start, length) == 0)
