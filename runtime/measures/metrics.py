"""What a worker measured, noted as it happens, and made into spans when nothing waits for them.

A task pays for a look at the clock and a tuple: spans are made from notes, and from those of `traffic`, when
they are sent. When that is, is decided elsewhere (`uploader`); a row waits for the answer to the commit that
stores its output, and goes without it only when nothing follows. Batches are numbered, so that one which is sent again,
because nobody knows whether it came, counts once.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from threading import Lock

from runtime.measures.clocks import StoreClock
from runtime.measures.span_batches import MICRO, Row, encode_rows, exec_cell, plain_row, row_of
from runtime.measures.spans import CpuTime, InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.measures.traffic import Traffic
from runtime.plan import Task, slot_name
from runtime.values.sizes import estimated_bytes

BATCH = 1_000
"""Spans in one entry of the run's list at most."""

NOTHING: Mapping[str, object] = {}
NOT_STORED = (0.0, 0.0)


class MetricsSink:
    """The batches of one incarnation on their way; what could not be sent goes again, before what follows it.

    `push(texts, told)` appends to the run's list of spans, and tells of the last one.
    """

    def __init__(self, push: Callable[[Sequence[str], str], None]) -> None:
        self._push = push
        self._unsent: list[str] = []
        self._number = 0

    @property
    def unsent(self) -> int:
        """How many batches wait to go again."""
        return len(self._unsent)

    def send(self, start_up: StartUp, rows: Sequence[Row], *, is_last: bool) -> None:
        """Send rows under the invocation that they belong to. Raises RuntimeFault when they wait for the next time."""
        pieces = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
        if is_last and not pieces:
            pieces = [()]
        for piece in pieces:
            ends = is_last and piece is pieces[-1]
            self._unsent.append(encode_rows(start_up, piece, number=self._number, is_last=ends))
            self._number += 1
        told = json.dumps({"worker": start_up.worker, "token": start_up.incarnation}) if is_last else ""
        if self._unsent:
            self._push(tuple(self._unsent), told)
            self._unsent = []


Note = tuple[Task, int, str, float, float, float, tuple[InputSpan, ...], CpuTime | None]
"""One attempt that ended: task, attempt, outcome, begin on the monotonic clock, execution, wait for inputs, inputs,
and what it had of the CPU."""


class InvocationMetrics:
    """The attempts of one invocation. Notes are made by whoever ran the attempt, and sent by one thread at a time.

    `start_up(is_last)` is the invocation's own record.
    """

    def __init__(
        self, sink: MetricsSink, start_up: Callable[[bool], StartUp], clock: StoreClock, traffic: Traffic
    ) -> None:
        self._sink = sink
        self._start_up = start_up
        self._clock = clock
        self._traffic = traffic
        self._notes: deque[Note] = deque()
        self._held: list[Note] = []
        self._whole: list[Note] = []
        self._answered = 0
        self._sizes: dict[str, int] = {}
        self._since = inf
        self._lock = Lock()

    def ended(self, note: Note, outputs: Mapping[str, object] = NOTHING) -> None:
        """An attempt ended, and those of its `outputs`, by slot, that are to be stored are sealed."""
        sizes = self._sizes
        for slot, value in outputs.items():
            sizes[slot] = estimated_bytes(value)
        self._notes.append(note)

    @property
    def waiting(self) -> tuple[int, float]:
        """How many rows wait to be sent, and when the oldest of them ended, by the monotonic clock.

        A row that waits for the answer to its commit does not count.
        """
        with self._lock:
            self._look()
            return len(self._whole) + self._sink.unsent, self._since

    def send(self, *, is_last: bool) -> None:
        """Send all that waits, with the invocation that it belongs to. Raises RuntimeFault; nothing is lost then."""
        notes = self._take(is_last=is_last)
        last = {note[0].name: note for note in notes}
        start_up = self._start_up(is_last)
        rows = [self._row(note, start_up.start_time, is_newest=last[note[0].name] is note) for note in notes]
        self._sink.send(start_up, rows, is_last=is_last)

    def _take(self, *, is_last: bool) -> list[Note]:
        with self._lock:
            if is_last:
                self._whole += self._held + self._new()
                self._held = []
            else:
                self._look()
            taken, self._whole, self._since = self._whole, [], inf
        return taken

    def _look(self) -> None:
        """Sort what ended since the last look, and what waited for a commit when one was answered since."""
        answered = len(self._traffic.stored)
        new = self._new()
        if answered != self._answered:
            new, self._held, self._answered = self._held + new, [], answered
        for note in new:
            if self._is_whole(note):
                self._whole.append(note)
                self._since = min(self._since, note[3] + note[4])
            else:
                self._held.append(note)

    def _new(self) -> list[Note]:
        """What ended since the last look; more may end meanwhile."""
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def _is_whole(self, note: Note) -> bool:
        sealed, stored = self._traffic.sealed, self._traffic.stored
        return all([slot in stored for slot in _slots(note[0]) if slot in sealed])

    def _row(self, note: Note, zero: float, *, is_newest: bool) -> Row:
        task, attempt, outcome, began, exec_s, waited_s, fetched, cpu = note
        sizes, name = self._sizes, task.name
        if fetched or waited_s or task.outputs or name not in sizes or name in self._traffic.sealed or not is_newest:
            return row_of(self._span(note, is_newest=is_newest), zero)
        taken = 0
        for edge in task.in_edges:
            taken += sizes.get(edge.slot, 0)
        times = round((self._clock.at(began) - zero) * MICRO), exec_cell(exec_s, cpu)
        return plain_row(name, attempt, outcome, times, (len(task.in_edges), taken, sizes[name]))

    def _span(self, note: Note, *, is_newest: bool) -> TaskSpan:
        """What was stored belongs to the newest attempt of a task, also when it failed and that is let pass."""
        task, attempt, outcome, began, exec_s, waited_s, fetched, cpu = note
        stored, sealed, sizes = self._traffic.stored, self._traffic.sealed, self._sizes
        slots = [slot for slot in _slots(task) if slot in sizes or slot in sealed] if is_newest else []
        if len(slots) == 1:
            took_s, at = stored.get(slots[0], NOT_STORED)
        else:
            took_s, at = max([stored.get(slot, NOT_STORED) for slot in slots], key=_time_of, default=NOT_STORED)
        foreign = {item.slot for item in fetched}
        takes = [edge.slot for edge in task.in_edges] if len(task.in_edges) > len(foreign) else []
        local = [slot for slot in takes if slot not in foreign]
        return TaskSpan(
            task=task.name,
            attempt=attempt,
            outcome=outcome,
            started_at=self._clock.at(began),
            exec_s=exec_s,
            wait_inputs_s=waited_s,
            commit_s=took_s,
            committed_at=at,
            inputs=fetched,
            local_inputs=len(local),
            local_bytes=sum([sizes.get(slot, 0) for slot in local]),
            outputs=tuple([self._output(task, slot) for slot in slots]),
            cpu=cpu,
        )

    def _output(self, task: Task, slot: str) -> OutputSpan:
        name = slot[len(task.name) + 1 :] or None
        sealed = self._traffic.sealed.get(slot)
        if sealed is None:
            return OutputSpan(name=name, bytes=self._sizes[slot], is_stored=False)
        size, took_s = sealed
        put_s = self._traffic.puts.get(slot, 0.0)
        return OutputSpan(name=name, bytes=size, is_stored=True, serialize_s=took_s, upload_s=put_s)


def _slots(task: Task) -> tuple[str, ...]:
    """The slots that hold the outputs of a task."""
    return tuple([slot_name(task.name, output) for output in task.outputs]) if task.outputs else (task.name,)


def _time_of(commit: tuple[float, float]) -> float:
    return commit[1]
