"""Which flexible tasks this worker will run by itself, because it will hold all of their inputs.

A task is *mine* when it was granted to this worker, or when all its producers are mine and at least one
of them feeds nothing else (that output stays in memory, so nobody but this worker can complete the task).
One that is not idempotent, or whose family has a gate, is mine only when it is granted: nobody else can hold the grant.
The set grows as grants and pages come; it is propagated forward, each edge looked at once. A wrong "not
mine" costs a trip through the store, never a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runtime.plan import EnvClass, Task


class Locality:
    """The set of tasks that are this worker's. `tasks` is the worker's growing table of records."""

    def __init__(self, worker: str, env: EnvClass, tasks: Mapping[str, Task]) -> None:
        self.worker = worker
        self._env = env
        self._tasks = tasks
        self._mine: set[str] = set()
        self._lacking: dict[str, int] = {}
        self._parked: dict[str, list[str]] = {}

    def is_mine(self, task: str) -> bool:
        return task in self._mine

    def add(self, tasks: Iterable[str]) -> None:
        """These tasks were granted to this worker (their inputs lie in the store, or they have none)."""
        stack = [task for task in tasks if task not in self._mine]
        self._mine.update(stack)
        while stack:
            stack.extend(self._feed(stack.pop()))

    def loaded(self, tasks: Iterable[str]) -> None:
        """Records of these tasks have come: edges that waited for them are looked at now."""
        stack: list[str] = []
        for name in tasks:
            if name in self._mine:
                stack.extend(self._feed(name))
            for producer in self._parked.pop(name, ()):
                stack.extend(self._reach(producer, name))
        while stack:
            stack.extend(self._feed(stack.pop()))

    def _feed(self, producer: str) -> list[str]:
        record = self._tasks.get(producer)
        if record is None:
            return []
        found: list[str] = []
        for consumer in dict.fromkeys(edge.consumer for edge in record.out_edges):
            found.extend(self._reach(producer, consumer))
        return found

    def _reach(self, producer: str, consumer: str) -> list[str]:
        """Count `producer` among the held inputs of `consumer`; returns the consumer when that makes it mine."""
        record = self._tasks.get(consumer)
        if record is None:
            self._parked.setdefault(consumer, []).append(producer)
            return []
        if record.worker is not None or record.env != self._env or consumer in self._mine:
            return []
        if record.gate is not None or not record.is_idempotent:
            return []
        lacking = self._lacking.get(consumer)
        if lacking is None:
            lacking = len({edge.producer for edge in record.in_edges})
        self._lacking[consumer] = lacking - 1
        if lacking > 1 or not any(self._feeds_only(edge.producer, consumer) for edge in record.in_edges):
            return []
        self._mine.add(consumer)
        return [consumer]

    def _feeds_only(self, producer: str, consumer: str) -> bool:
        record = self._tasks.get(producer)
        return (
            record is not None
            and not record.is_target
            and record.is_idempotent
            and record.gate is None
            and len({edge.output for edge in record.out_edges}) == len(record.out_edges)
            and all(edge.consumer == consumer for edge in record.out_edges)
        )
