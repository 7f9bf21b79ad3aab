"""An event loop whose timers are exact to microseconds: asyncio's own waits whole milliseconds on Linux.

`epoll_wait` counts in milliseconds, and asyncio rounds up, so half a millisecond becomes one. `select` counts in
microseconds, and an epoll is itself something that can be selected. Elsewhere (kqueue) asyncio is exact already.
"""

from __future__ import annotations

import asyncio
import ctypes
import select
import selectors
import sys
from collections.abc import Coroutine
from typing import Any

PR_SET_TIMERSLACK = 29
SLACK_NS = 1000

if sys.platform == "linux":

    class FineSelector(selectors.EpollSelector):
        """Waits no longer than it is told."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0:
                select.select((self.fileno(),), (), (), timeout)
                timeout = 0
            return super().select(timeout)

    def _selector() -> selectors.BaseSelector:
        # The kernel lets timers of an ordinary process be late by 50 µs.
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0)
        return FineSelector()

else:

    def _selector() -> selectors.BaseSelector:
        return selectors.DefaultSelector()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run it to its end on a loop of its own. The calling thread's timers are exact from now on."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_selector())) as runner:
        runner.run(main)
