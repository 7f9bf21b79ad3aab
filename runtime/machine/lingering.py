"""How long a pinned worker with nothing to do waits for what others may still send it.

It lingers once per pause in its work, counted from the last hint; while any worker of the run waits for an
environment it hardly does, or waiting workers would hold the environments that others need.
"""

from __future__ import annotations

WHILE_CALLED_S = 0.001


class Lingering:
    """The state of one wait. Times in seconds of the machine's clock."""

    def __init__(self, linger_s: float) -> None:
        self._linger_s = linger_s
        self._quiet_since = 0.0
        self._is_set = False
        self.is_over = False

    def disturbed(self) -> None:
        """There was work: the next pause is a new one."""
        self.is_over = False

    def hinted(self, now: float) -> None:
        """A hint came: more may follow."""
        self.is_over = False
        self._quiet_since = now

    def wait(self, now: float, called: int) -> float | None:
        """Seconds after which to look again; None while a timer runs. `called`: workers waiting for an environment."""
        if self._is_set:
            return None
        self._is_set = True
        whole = self._whole(called)
        left = self._quiet_since + whole - now
        return left if left > 0 else whole

    def fired(self, now: float, called: int) -> None:
        """The timer went off: over, unless a hint came meanwhile."""
        self._is_set = False
        self.is_over = now - self._quiet_since >= self._whole(called)

    def _whole(self, called: int) -> float:
        return min(self._linger_s, WHILE_CALLED_S) if called > 0 else self._linger_s
