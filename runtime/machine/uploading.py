"""When a worker's measurements go, decided by the clock that is passed in. Sending them is the driver's.

One send is in flight at a time, and what ends meanwhile goes in the next. After a send there is a rest in proportion to
what it took, so that sends take a tenth of the time at most, however short the tasks are; after one that failed there
is a pause, which grows. A killed worker thus loses what its strategy says, and what ended within the newest send and
the rest before it.
"""

from __future__ import annotations

from math import inf

from runtime.measures.upload import Upload

REST = 9.0
"""How often its own time a send is followed by none."""

LONGEST_REST_S = 0.25
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class Uploading:
    """The rule of one incarnation. Times are seconds of any one monotonic clock."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._not_before = -inf
        self._pause_s = 0.0

    def due_at(self, rows: int, oldest: float) -> float:
        """When `rows` that wait, the oldest since `oldest`, are to go; inf for not before the end, or another row."""
        if not rows:
            return inf
        if self._pause_s:
            return self._not_before
        wanted = oldest if rows >= self._upload.rows else oldest + self._upload.age_s
        return max(wanted, self._not_before)

    def sent(self, began: float, ended: float) -> None:
        """A send was answered."""
        self._pause_s = 0.0
        self._not_before = ended + min(LONGEST_REST_S, REST * (ended - began))

    def failed(self, ended: float) -> None:
        """A send failed, and its rows wait on."""
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s or FIRST_PAUSE_S)
        self._not_before = ended + self._pause_s
