"""What the processes of the fault driver measure, and send in virtual time as the real ones do.

The rule of when rows go and the batches are the real ones (`machine.uploading`, `measures.metrics` of the runtime).
Sends have chances and durations of their own, so that they move no other fault of a seed. A `Ledger` knows what the
store has answered for, and finds what is then not there, what is there twice, and rows that waited for longer than
they may.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf
from random import Random

from runtime.errors import StoreUnavailable
from runtime.machine.uploading import Uploading
from runtime.measures.metrics import MetricsSink
from runtime.measures.span_batches import row_of
from runtime.measures.spans import StartUp, TaskSpan
from runtime.measures.upload import parse_upload
from runtime.timeline import InvocationSpans

STRATEGIES = ("shutdown", "task", "task", "every:2s", "every:20ms", "queue:3")
AWAY = 0.3
"""How often a send meets a store that does not answer; half of those have come all the same."""

Row = tuple[str, str, int]
"""Token, task and attempt."""


class Ledger:
    """The rows of a run: those that were measured, and those that the store has answered for."""

    def __init__(self) -> None:
        self._measured: Counter[Row] = Counter()
        self._answered: Counter[Row] = Counter()
        self.overdue = ""

    def measured(self, row: Row) -> None:
        self._measured[row] += 1

    def answered(self, rows: Iterable[Row]) -> None:
        self._answered.update(rows)

    def wrong(self, found: Iterable[InvocationSpans]) -> str:
        """What is not as it should be with the rows that are in the store; "" when all is well."""
        there = Counter((one.start_up.incarnation, span.task, span.attempt) for one in found for span in one.spans)
        if lost := self._answered - there:
            return f"the row {next(iter(lost))} was answered for and is not there"
        if more := there - self._measured:
            return f"the row {next(iter(more))} is there more often than it was measured"
        return self.overdue


class Uploads:
    """One process's rows. `at(delay, act)` does something then if the process still lives; `now()` is its clock."""

    def __init__(
        self,
        start_up: StartUp,
        push: Callable[[Sequence[str], str], None],
        ledger: Ledger,
        now: Callable[[], float],
        at: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._chance = Random(f"measurements of {start_up.incarnation}")
        self._start_up = start_up
        self._ledger = ledger
        self._now = now
        self._at = at
        self._strategy = self._chance.choice(STRATEGIES)
        self._uploading = Uploading(parse_upload(self._strategy))
        self._push = push
        self._sink = MetricsSink(self._faulty_push)
        self._rows: list[TaskSpan] = []
        self._given: list[TaskSpan] = []
        self._since = inf
        self._is_sending = False

    def ended(self, task: str, attempt: int) -> None:
        """An attempt ended now."""
        self._since = min(self._since, self._now())
        self._rows.append(TaskSpan(task=task, attempt=attempt, outcome="done", started_at=self._now(), exec_s=0.0))
        self._ledger.measured((self._start_up.incarnation, task, attempt))
        self._look()

    def leaves(self) -> None:
        """The end: one last send, whatever the strategy."""
        self._send(is_last=True)

    def dies(self) -> None:
        """What waits now is lost, and may not have waited for too long."""
        due = self._due_at()
        if not self._is_sending and due < self._now() - 1e-6:
            self._ledger.overdue = (
                f"{self._strategy}: rows of {self._start_up.worker} were due {self._now() - due:.3f} s ago"
            )

    def _due_at(self) -> float:
        return self._uploading.due_at(len(self._rows) + self._sink.unsent, self._since)

    def _look(self) -> None:
        """One look per row, and per answer: the next send begins when its rows are due."""
        due = self._due_at()
        if due < inf and not self._is_sending:
            self._at(max(0.0, due - self._now()), self._send_if_due)

    def _send_if_due(self) -> None:
        if not self._is_sending and self._due_at() <= self._now() + 1e-9:
            self._is_sending = True
            began = self._now()
            is_answered = self._send(is_last=False)
            self._at(self._chance.expovariate(1 / 0.002), lambda: self._hear(began, is_answered=is_answered))

    def _hear(self, began: float, *, is_answered: bool) -> None:
        self._is_sending = False
        if is_answered:
            self._uploading.sent(began, self._now())
        else:
            self._uploading.failed(self._now())
        self._look()

    def _send(self, *, is_last: bool) -> bool:
        rows, self._rows, self._since = self._rows, [], self._now()
        self._given += rows
        try:
            sent = [row_of(span, self._start_up.start_time) for span in rows]
            self._sink.send(self._start_up, sent, is_last=is_last)
        except StoreUnavailable:
            return False
        token = self._start_up.incarnation
        self._ledger.answered((token, span.task, span.attempt) for span in self._given)
        self._given = []
        return True

    def _faulty_push(self, texts: Sequence[str], told: str) -> None:
        is_away, has_come = self._chance.random() < AWAY, self._chance.random() < 0.5
        if not is_away or has_come:
            self._push(texts, told)
        if is_away:
            raise StoreUnavailable("no answer")
