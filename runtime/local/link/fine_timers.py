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
from time import monotonic

PR_SET_TIMERSLACK = 29
SLACK_NS = 1000

Ready = list[tuple[selectors.SelectorKey, int]]

if sys.platform == "linux":

    class FineSelector(selectors.EpollSelector):
        """Waits no longer than it is told, and knows since when it has been awake."""

        def __init__(self) -> None:
            super().__init__()
            # The kernel lets timers of an ordinary process be late by 50 µs.
            ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0)
            self.woken_at = monotonic()

        def select(self, timeout: float | None = None) -> Ready:
            if timeout is not None and timeout > 0:
                has_more = select.select((self.fileno(),), (), (), timeout)[0]
                self.woken_at = monotonic()
                return super().select(0) if has_more else []
            found = super().select(timeout)
            self.woken_at = monotonic()
            return found

else:

    class FineSelector(selectors.DefaultSelector):
        """The system's own, which knows since when it has been awake."""

        def __init__(self) -> None:
            super().__init__()
            self.woken_at = monotonic()

        def select(self, timeout: float | None = None) -> Ready:
            found = super().select(timeout)
            self.woken_at = monotonic()
            return found


class FineLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on such a selector. The timers of the thread that makes it are exact from then on."""

    def __init__(self) -> None:
        self._waits = FineSelector()
        super().__init__(self._waits)

    def stay_until(self, when: float) -> None:
        """Wait awake for what is too near for a timer."""
        while monotonic() < when:
            pass

    @property
    def woken_at(self) -> float:
        """When the last wait ended: what is ready now was ready then."""
        return self._waits.woken_at
