"""A world in which tasks take time and invocations end: what the end cuts is interrupted in time, as by the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runtime import events as ev
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.failures import brief_record, error_record
from runtime.plan import Task
from tests.worker.world import Incarnation, World

NO_LEASES = WorkerSettings(lease_s=1e6, renew_s=1e5)
"""One task takes as long as the whole world; who does not run cannot renew meanwhile."""


class LimitedWorld(World):
    """`takes` says for a task how long its executions take, in order; the last of them goes for all that follow.

    Each task has a function of its own, but those that `alike` names, which share one. There is one environment: the
    world has one clock, and who waited for another's task would have less of its own limit.
    """

    def __init__(
        self,
        bundle: LoadedBundle,
        limit_s: float,
        takes: Mapping[str, tuple[float, ...]],
        *,
        alike: str = "",
        idempotent: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(bundle, seed, environments=1)
        self.settings = NO_LEASES
        self.limit_s = limit_s
        self.takes = takes
        self.cut: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        for records in (*self.records.values(), *self.pages):
            for name, task in records.items():
                function = replace(task.function, qualname="alike" if name in alike.split() else name)
                records[name] = replace(task, function=function, is_idempotent=idempotent, timeout_s=20.0)

    def _run(self, incarnation: Incarnation, task: Task, attempt: int) -> None:
        self.attempts.append((task.name, attempt))
        done = sum(name == task.name for name, _ in self.attempts)
        takes = self.takes.get(task.name, (0.0,))
        took = takes[min(done, len(takes)) - 1]
        if self.now + took <= incarnation.until:
            self.now += took
            super()._run(incarnation, task, attempt)
            return
        self.now = max(self.now, incarnation.until)
        self.cut.append(task.name)
        self._feed(incarnation, ev.TimeNearlyUp())
        if incarnation.machine.may_repeat(task.name):
            self._feed(incarnation, ev.Cut(task.name))
            return
        record = error_record(task=task.name, attempt=attempt, worker="", kind="TimeLimit", message="")
        self._feed(incarnation, ev.Failed(task.name, record, brief_record("TimeLimit", ""), ("TimeLimit",)))
