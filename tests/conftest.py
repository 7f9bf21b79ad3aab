"""What holds for every test: a shell has what it starts in the background ignore interrupts, and hands that down."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Heed interrupts again: tests send them to the processes that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
