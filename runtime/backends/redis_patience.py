"""Patience with a connection that was lost: by the clock, so that it can be said how long it lasts.

Within it a restart, or a replica that takes over, is no more than a pause. Only a lost connection is waited for; a
server that refuses a name, a password or a command has answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE_S = 10.0
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5

T = TypeVar("T")


class Patience(Retry):
    """redis-py's policy for one connection. A command that connects anew is a call within a call: both end together."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), -1, supported_errors=(redis.ConnectionError,))
        self._until: float | None = None

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        """`do` until it succeeds or patience ends; `fail` is told of each failure, and counts them when it wants to."""
        pause, failures, is_outermost = FIRST_PAUSE_S, 0, False
        try:
            while True:
                try:
                    return do()
                except redis.AuthenticationError:
                    raise
                except redis.ConnectionError as err:
                    failures += 1
                    if self._until is None:
                        self._until, is_outermost = time.monotonic() + PATIENCE_S, True
                    if is_retryable is not None and not is_retryable(err):
                        raise
                    fail(err, failures) if with_failure_count else fail(err)
                    if time.monotonic() + pause > self._until:
                        if not is_outermost:
                            raise
                        raise redis.ConnectionError(f"{err} Tried again for {PATIENCE_S:g} s.") from err
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            if is_outermost:
                self._until = None
