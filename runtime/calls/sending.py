"""Invocations on their way: tried at once, else by a few threads side by side, at a pace, for a bounded time.

What Lambda refuses for now (429) is sent again at a pace that all of a process's calls share
(`runtime.calls.pacing`), and so is what met a fault that may pass (5xx, a lost connection). When its patience ends,
what is still refused is dropped: such a call is unconfirmed, and the watch repeats it, later than any patience lasts;
a fault that has lasted is told. So one call is never under way twice, and nobody who only asked for a call waits for
it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from runtime.calls.pacing import Pace
from runtime.errors import LambdaFaltered, LambdaUnavailable, RuntimeFault, Throttled
from runtime.plan import EnvClass
from runtime.tasks.time_limit import leave_alarms_to_main

SENDERS = 8
AT_ONCE = 16
"""So few calls are sent where they are made: less than handing them to other threads costs."""

IDLE_S = 5.0
TICK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One invocation. `payload()` is what it is told, as it is sent; `until` is when patience with it ends, on the
    sender's clock.

    `accepted` is called once when Lambda has taken it, on any thread; `failed` when it, or that, met a fault.
    """

    env: EnvClass
    payload: Callable[[], bytes]
    until: float
    accepted: Callable[[], None]
    failed: Callable[[RuntimeFault], None]


class Sender:
    """Sends the invocations of one process. `send` raises `Throttled` and `LambdaUnavailable`; many threads call it.

    `leave` is called by each thread when it ends: it closes what `send` keeps for a thread.
    """

    def __init__(
        self,
        send: Callable[[EnvClass, bytes], None],
        leave: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._leave = leave
        self._clock = clock
        self._pace = Pace(Random(), clock())
        self._queue: deque[Sending] = deque()
        self._faltered: dict[int, LambdaFaltered] = {}
        self._changed = threading.Condition()
        self._threads = 0
        self._under_way = 0
        self._is_closed = False

    def send(self, sendings: Sequence[Sending]) -> None:
        """Try a few here and now; many, and what is refused, are sent beside the caller."""
        later = [sending for sending in sendings if len(sendings) > AT_ONCE or not self._may_try(sending)]
        if not later:
            return
        with self._changed:
            self._queue.extend(later)
            while self._threads < min(SENDERS, len(self._queue)):
                self._threads += 1
                threading.Thread(target=self._work, name="treadle-sender", daemon=True).start()
            self._changed.notify_all()

    def wait(self, each_tick: Callable[[], None] = lambda: None) -> None:
        """Until nothing is under way any more: accepted, failed, or out of patience."""
        with self._changed:
            while self._queue or self._under_way:
                self._changed.wait(TICK_S)
                self._changed.release()
                try:
                    each_tick()
                finally:
                    self._changed.acquire()

    def room(self, seconds: float) -> float:
        """About how many more it can send within so many seconds; infinite when nothing was refused so far."""
        with self._changed:
            return max(0.0, self._pace.rate * seconds - len(self._queue))

    def close(self) -> None:
        """Send nothing more; this thread leaves, and the others do when they have sent what they are at."""
        with self._changed:
            self._is_closed = True
            self._queue.clear()
            self._changed.notify_all()
        self._leave()

    def _may_try(self, sending: Sending) -> bool:
        """Send it if the pace lets; False when it is to be sent later."""
        with self._changed:
            if self._queue or self._pace.wait_s(self._clock()):
                return False
        return self._try(sending)

    def _work(self) -> None:
        leave_alarms_to_main()
        try:
            while (sending := self._next()) is not None:
                self._settle(sending)
        finally:
            with self._changed:
                self._threads -= 1
            self._leave()

    def _settle(self, sending: Sending) -> None:
        """Try it; one that was refused goes back to where it was."""
        is_refused = False
        try:
            is_refused = not self._try(sending)
        finally:
            with self._changed:
                self._under_way -= 1
                if is_refused and not self._is_closed:
                    self._queue.appendleft(sending)
                self._changed.notify_all()

    def _next(self) -> Sending | None:
        """The next one to send, when the pace lets; None when there was none for a while."""
        give_up = self._clock() + IDLE_S
        with self._changed:
            while not self._is_closed:
                now = self._clock()
                self._drop_late(now)
                pause = self._pace.wait_s(now) if self._queue else give_up - now
                if self._queue and not pause:
                    self._under_way += 1
                    return self._queue.popleft()
                if pause <= 0:
                    return None
                self._changed.wait(pause)
        return None

    def _drop_late(self, now: float) -> None:
        while self._queue and self._queue[0].until <= now:
            late = self._queue.popleft()
            if fault := self._faltered.pop(id(late), None):
                late.failed(fault)
            self._changed.notify_all()

    def _try(self, sending: Sending) -> bool:
        """False when it was refused for now."""
        try:
            self._send(sending.env, sending.payload())
        except (Throttled, LambdaFaltered) as err:
            self._postpone(sending, err)
            return False
        except LambdaUnavailable as err:
            sending.failed(err)
            return True
        with self._changed:
            self._pace.accepted()
            self._faltered.pop(id(sending), None)
        try:
            sending.accepted()
        except RuntimeFault as err:
            sending.failed(err)
        return True

    def _postpone(self, sending: Sending, why: Throttled | LambdaFaltered) -> None:
        with self._changed:
            if isinstance(why, Throttled):
                self._pace.refused(self._clock(), why.retry_after_s)
                self._faltered.pop(id(sending), None)
            else:
                self._pace.faltered(self._clock())
                self._faltered[id(sending)] = why
