"""Which finished tasks are settled by which commit: the bookkeeping behind "settling releases".

A task is settled when each of its outputs is: a stored output when all its arrivals are sent, an output
that stayed in memory when all its consumers are settled. Counts only; nothing here knows of the store.
"""

from __future__ import annotations

from collections.abc import Iterable


class Settling:
    """Counts, for each finished task, the outputs and local consumers that it still waits for."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._waits_on: dict[str, list[str]] = {}
        self.settled: set[str] = set()

    def finished(self, task: str, remote_slots: int, local_consumers: Iterable[str]) -> list[str]:
        """`task` ran: it waits for its stored slots and for the consumers of its local ones.

        Returns the tasks settled by that at once (a task whose local consumers are all settled already).
        """
        waiting = [consumer for consumer in local_consumers if consumer not in self.settled]
        self._open[task] = remote_slots + len(waiting)
        for consumer in waiting:
            self._waits_on.setdefault(consumer, []).append(task)
        return self._close(task) if not self._open[task] else []

    def is_unsettled(self, task: str) -> bool:
        """`task` finished here and is not settled yet."""
        return task in self._open

    def unsettled(self) -> list[str]:
        return list(self._open)

    def respilled(self, task: str, local_consumers: Iterable[str]) -> None:
        """A local slot of `task` is to be stored after all: it waits for the store instead of these consumers."""
        for consumer in local_consumers:
            waiting = self._waits_on.get(consumer, [])
            if task in waiting:
                waiting.remove(task)
                self._open[task] -= 1
        self._open[task] += 1

    def slot_sent(self, task: str) -> list[str]:
        """All arrivals of one stored slot of `task` are in the commit; returns what that settles, `task` first."""
        self._open[task] -= 1
        return [] if self._open[task] else self._close(task)

    def _close(self, task: str) -> list[str]:
        closed: list[str] = []
        stack = [task]
        while stack:
            name = stack.pop()
            self._open.pop(name, None)
            self.settled.add(name)
            closed.append(name)
            for producer in self._waits_on.pop(name, ()):
                self._open[producer] -= 1
                if not self._open[producer]:
                    stack.append(producer)
        return closed
