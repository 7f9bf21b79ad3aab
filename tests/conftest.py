"""What holds for every test: interrupts are heeded, and how many processes share the tests.

A shell has what it starts in the background ignore interrupts, and hands that down.
"""

from __future__ import annotations

import os
import signal

MOST_PROCESSES = 8


def pytest_configure() -> None:
    """Heed interrupts again: tests send them to the processes that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Of `-n auto`: most tests wait for other processes for most of their time."""
    return min(MOST_PROCESSES, 2 * (os.cpu_count() or 1))
