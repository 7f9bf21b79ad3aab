"""How fast something may be sent: a bucket of tokens, and a sender's pace against a limit that it does not know.

Pure: times are the caller's, in seconds of one clock. The local Lambda service limits requests with a bucket; whoever
invokes workers keeps a pace. Not responsible for sending, nor for whom to send what (`runtime.calls.calling`).
"""

from __future__ import annotations

from math import inf
from random import Random

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
FIRST_PER_S = 10.0
SLOWEST_PER_S = 1.0
SLOWER = 0.5
FASTER = 0.05
FASTER_PER_S = 0.3
ROUNDING = 1e-9
SPAN_S = 0.1
"""What was accepted is counted over at least so long: a burst says little of a rate. Refusals within it are one."""


class TokenBucket:
    """`rate` tokens a second, at most `burst` of them at one time; full at first."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> float:
        """0.0 when a token was taken; else the seconds until there will be one, and none was taken."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1.0 - ROUNDING:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate


class Pace:
    """A sender's pace: unbounded until it is refused for the first time, then below what was accepted.

    A refusal makes everybody pause, exponentially longer with each in a row, with full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), then sends fewer a second; each
    acceptance sends a little more.
    """

    def __init__(self, random: Random, now: float) -> None:
        self._random = random
        self._bucket: TokenBucket | None = None
        self._accepted = 0
        self._since = now
        self._in_a_row = 0
        self._paused_until = 0.0
        self._slowed_at = 0.0

    def wait_s(self, now: float) -> float:
        """0.0: send one now; else look again after so many seconds."""
        if now < self._paused_until:
            return self._paused_until - now
        return self._bucket.take(now) if self._bucket is not None else 0.0

    @property
    def rate(self) -> float:
        """So many a second it sends; infinite before the first refusal."""
        return self._bucket.rate if self._bucket is not None else inf

    def accepted(self) -> None:
        self._in_a_row = 0
        self._accepted += 1
        if self._bucket is not None:
            self._bucket.rate += FASTER * self._bucket.rate + FASTER_PER_S

    def refused(self, now: float, retry_after_s: float = 0.0) -> None:
        """One was refused; `retry_after_s` is what the other side asks for."""
        if self._bucket is None or now >= self._slowed_at + SPAN_S:
            self._slow_down(now)
        self._pause(now, retry_after_s)

    def faltered(self, now: float) -> None:
        """One met a fault that has nothing to do with the pace: a pause is all that helps."""
        self._pause(now, 0.0)

    def _pause(self, now: float, retry_after_s: float) -> None:
        pause = self._random.uniform(0.0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._in_a_row))
        self._in_a_row += 1
        self._paused_until = max(self._paused_until, now + max(pause, retry_after_s))

    def _slow_down(self, now: float) -> None:
        """The first time to less than what went through so far, then to less than the pace was."""
        self._slowed_at = now
        was = self._bucket.rate if self._bucket is not None else self._rate_so_far(now)
        self._bucket = TokenBucket(rate=max(SLOWEST_PER_S, SLOWER * was), burst=1.0, now=now)

    def _rate_so_far(self, now: float) -> float:
        return max(FIRST_PER_S, self._accepted / max(SPAN_S, now - self._since))
