"""A world whose tasks fail: some attempts raise, some end their process; it notes when each attempt ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runtime import events as ev
from runtime.bundle import LoadedBundle
from runtime.failures import brief_record, error_record
from runtime.plan import Retry, Task
from tests.worker.world import Faults, Incarnation, World

DIES = "dies"
CALM = Faults()


class FlakyWorld(World):
    """`ends` says for a task how its executions end, in order: with an exception, or `DIES`; later ones go well."""

    def __init__(
        self,
        bundle: LoadedBundle,
        seed: int,
        *,
        ends: Mapping[str, Sequence[str]],
        retries: Mapping[str, Retry],
        environments: int = 4,
        faults: Faults = CALM,
    ) -> None:
        super().__init__(bundle, seed, environments=environments, faults=faults)
        self.ends = ends
        self.ran_at: dict[str, list[float]] = {}
        self.attempts: dict[str, list[int]] = {}
        self.in_use: list[tuple[float, int]] = []
        for records in (*self.records.values(), *self.pages):
            records.update({name: replace(records[name], retry=retries[name]) for name in records if name in retries})

    def _act(self) -> None:
        super()._act()
        self.in_use.append((self.now, len(self.incarnations)))

    def _run(self, incarnation: Incarnation, task: Task, attempt: int) -> None:
        number = self.executions.get(task.name, 0)
        self.ran_at.setdefault(task.name, []).append(self.now)
        self.attempts.setdefault(task.name, []).append(attempt)
        ends = self.ends.get(task.name, ())
        if number >= len(ends):
            super()._run(incarnation, task, attempt)
            return
        self.executions[task.name] = number + 1
        if ends[number] == DIES:
            self.incarnations.remove(incarnation)
            return
        record = error_record(task=task.name, attempt=attempt, worker="", kind=ends[number], message="")
        brief = brief_record(ends[number], "")
        self._feed(incarnation, ev.Failed(task.name, record, brief, (ends[number], "Exception")))
