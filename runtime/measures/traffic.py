"""What one incarnation exchanged with the store, noted where it happens and put together when nothing waits for it.

A note is an addition or an entry of a dict: it is made between a task and its commit, on whichever thread does the
store's work. What becomes of the notes is `metrics`' business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Traffic:
    """Seconds and bytes so far.

    By slot: `sealed` has (bytes, seconds of serialising), `puts` seconds of putting a large value, `stored` (round trip
    of the commit that stored it, the store's time of that).
    """

    commits: int = 0
    commit_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    invocations: int = 0
    invoke_s: float = 0.0
    subdag_fetch_s: float = 0.0
    subdag_decode_s: float = 0.0
    sealed: dict[str, tuple[int, float]] = field(default_factory=dict)
    puts: dict[str, float] = field(default_factory=dict)
    stored: dict[str, tuple[float, float]] = field(default_factory=dict)

    def committed(self, slots: Iterable[str], took_s: float, at: float) -> None:
        """A commit that was accepted stored these slots."""
        self.stored.update(dict.fromkeys(slots, (took_s, at)))
