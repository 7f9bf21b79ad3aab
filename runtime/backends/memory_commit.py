"""One commit in memory: the same steps in the same order as lua/commit.lua, which is the specification's other half.

A `CommitRun` lives for one commit, under the state's lock, after the fence has let the commit pass.
"""

from __future__ import annotations

import json

from runtime.backends.batch import subdag_of
from runtime.backends.memory_gates import let_in
from runtime.backends.memory_state import ATTEMPTS_KEPT, MemoryState, Record, State
from runtime.config import WorkerSettings
from runtime.plan import Gate, is_flexible
from runtime.ports import (
    Answer,
    Arrival,
    Attempt,
    Call,
    Called,
    Commit,
    Failure,
    Mode,
    Recovered,
    Reference,
    Release,
    Settle,
    Status,
    Store,
    Tried,
    Waiter,
    Withdraw,
)


class CommitRun:
    """The effects of one accepted commit, as they are gathered."""

    def __init__(self, state: MemoryState, settings: WorkerSettings, commit: Commit, now: float) -> None:
        assert state.workers is not None, "the fence has seen the record"
        self.state = state
        self.settings = settings
        self.commit = commit
        self.now = now
        self.workers = state.workers
        self.me = state.workers[commit.worker]
        self.is_resent = commit.seq > 0 and commit.seq == self.me.seq
        self.take = commit.take
        self.gates: dict[str, Gate] = {}
        self.queued: list[str] = []
        self.granted: dict[str, list[str]] = {}
        self.hints: dict[str, dict[str, bytes]] = {}
        self.room: dict[str, int] = {}
        self.stored: list[str] = []
        self.own: set[str] = set()
        self.settled: list[str] = []
        self.winners: dict[str, bytes | Reference] = {}

    def apply(self) -> Answer:
        """Every item in order, then events and hints, then the failure or the record."""
        failures = [item for item in self.commit.items if isinstance(item, Failure) and item.slot is None]
        for item in self.commit.items:
            match item:
                case Store():
                    self._store(item)
                case Settle():
                    self._settle(item.tasks)
                case Release():
                    self._release(item)
                case Attempt():
                    self._attempt(item)
                case Withdraw():
                    self._withdraw(item)
                case Called():
                    confirm(self.state, item.worker, item.called_at)
                case Failure(slot=str()):
                    self._pass(item)
                case Recovered(task=task, slot=slot):
                    if slot in self.own:
                        self.state.errors.pop(task, None)
        self._let_in()
        self._tell()
        if failures:
            return self._fail(failures)
        return self._keep_record()

    def _attempt(self, item: Attempt) -> None:
        """An attempt is announced, or ended by a failure; what is known of a newer one, or of its end, stays."""
        if item.gate is not None and not item.error and not self._has_place(item.task, item.gate):
            return
        known = self.state.attempts.get(item.task, Tried(number=0))
        if known.number < item.number or (known.number == item.number and known.is_open and item.error):
            due = self.now + item.delay_s if item.delay_s else 0.0
            self.state.attempts[item.task] = Tried(number=item.number, is_open=not item.error, due=due)
            if item.error and item.gate is not None:
                self.state.held[item.gate.name].pop(item.task, None)
                self.gates[item.gate.name] = item.gate
            if item.error:
                self.state.tried[item.task][item.number] = item.error
                self.state.tried[item.task].pop(item.number - ATTEMPTS_KEPT, None)
                self.me.tries = 2 if self.me.tries > 1 else 0

    def _withdraw(self, item: Withdraw) -> None:
        """An attempt that was announced did not begin, and that is the newest there is to say."""
        known = self.state.attempts.get(item.task)
        if known == Tried(number=item.number, is_open=True):
            del self.state.attempts[item.task]
            if item.number > 1:
                self.state.attempts[item.task] = Tried(number=item.number - 1)

    def _store(self, item: Store) -> None:
        value: bytes | Reference | None = item.value
        if value is None and item.reference is not None:
            value = Reference(key=item.reference)
        winner = self._put(item.slot, value)
        if winner is None:
            return
        inline = winner if isinstance(winner, bytes) else None
        for join in item.joins:
            self._fix_width(join, item.slot, inline)
        for arrival in item.arrivals:
            self._arrive(arrival, item.slot, inline)
        if item.last:
            self._settle((item.task,))
        else:
            self.state.stored_of[self.commit.worker].add(item.slot)

    def _put(self, slot: str, value: bytes | Reference | None) -> bytes | Reference | None:
        """First writer wins. None when the slot was believed to be stored and is not: the store forgot it."""
        there = self.state.out.get(slot)
        if value is not None and there in (None, value):
            self.own.add(slot)
        if there is not None:
            if value is not None and value != there:
                self.winners[slot] = there
            return there
        if value is not None:
            self.state.out[slot] = value
            self.stored.append(slot)
        return value

    def _pass(self, failure: Failure) -> None:
        """A failure is let pass: its record belongs to the value that this commit brought for its output."""
        if not failure.slot or failure.slot in self.own:
            self.state.errors[failure.task] = failure.record

    def _fix_width(self, join: Arrival, slot: str, value: bytes | None) -> None:
        if join.consumer in self.state.need:
            return
        self.state.need[join.consumer] = join.need
        if len(self.state.arrived.get(join.consumer, ())) == join.need:
            self._grant(join, slot, value)

    def _arrive(self, arrival: Arrival, slot: str, value: bytes | None) -> None:
        """Only a new arrival counts; that of an edge whose pinned worker runs already is a hint to it."""
        slots = self.state.arrived[arrival.consumer]
        if slot in slots:
            return
        slots.add(slot)
        need = arrival.need or self.state.need.get(arrival.consumer)
        if need == len(slots):
            self._grant(arrival, slot, value)
        elif not arrival.flexible and arrival.worker != self.commit.worker and self._is_live(arrival.worker):
            self._hint(arrival.worker, slot, value)

    def _is_live(self, worker: str) -> bool:
        record = self.workers.get(worker)
        return record is not None and record.is_live(self.now)

    def _grant(self, arrival: Arrival, slot: str, value: bytes | None) -> None:
        if arrival.consumer in self.state.done:
            return
        if arrival.gate is not None:
            self._stand_in_line(arrival, arrival.gate)
            return
        own = arrival.worker == self.commit.worker
        if own or (arrival.flexible and self.take > 0 and arrival.env == self.commit.env):
            self.take -= not own
            self.state.todo[self.commit.worker][arrival.consumer] = arrival.page
        else:
            self._grant_to_other(arrival, slot, value)

    def _grant_to_other(self, arrival: Arrival, slot: str = "", value: bytes | None = None) -> None:
        self.state.todo[arrival.worker][arrival.consumer] = arrival.page
        if self._is_live(arrival.worker):
            self._hint(arrival.worker, slot, value)
        else:
            self._call(arrival)

    def _stand_in_line(self, arrival: Arrival, gate: Gate) -> None:
        worker = "" if arrival.flexible else arrival.worker
        waiter = Waiter(task=arrival.consumer, worker=worker, env=arrival.env, page=arrival.page)
        self.state.lines[gate.name].append(waiter)
        self.gates[gate.name] = gate

    def _has_place(self, task: str, gate: Gate) -> bool:
        """An attempt that is announced has a place, or takes a free one; else the task stands in line, not granted."""
        worker, held = self.commit.worker, self.state.held[gate.name]
        if task in held:
            return True
        self.gates[gate.name] = gate
        if len(held) < gate.places and not self.state.lines[gate.name]:
            held[task] = worker
            return True
        page = self.state.todo[worker].pop(task, None)
        if page is not None:
            home = "" if is_flexible(worker) else worker
            self.state.lines[gate.name].append(Waiter(task=task, worker=home, env=self.commit.env, page=page))
        self.queued.append(task)
        return False

    def _release(self, item: Release) -> None:
        """A place is given back by a settled task: one that the store forgot holds it still."""
        if item.task in self.state.done:
            self.state.held[item.gate.name].pop(item.task, None)
        self.gates[item.gate.name] = item.gate

    def _let_in(self) -> None:
        for gate in self.gates.values():
            for waiter, worker in let_in(self.state, gate, self.commit.worker, self.commit.env):
                if worker == self.commit.worker:
                    self.state.todo[worker][waiter.task] = waiter.page
                else:
                    arrival = Arrival(
                        consumer=waiter.task,
                        worker=worker,
                        flexible=not waiter.worker,
                        env=waiter.env,
                        need=0,
                        page=waiter.page,
                    )
                    self._grant_to_other(arrival)

    def _call(self, arrival: Arrival) -> None:
        """Idle, absent or expired: the worker is called, and the committer invokes it."""
        record = self.workers.setdefault(arrival.worker, Record(env=arrival.env, subdag=subdag_of(arrival)))
        if record.state is State.CALLED:
            if arrival.worker in self.granted:
                self.granted[arrival.worker].append(arrival.consumer)
            return
        self.state.called += 1
        record.state, record.due, record.k = State.CALLED, self.now + self.settings.call_limit_s, 0
        record.called_at, record.confirmed = self.now, False
        self.granted[arrival.worker] = [arrival.consumer]

    def _hint(self, worker: str, slot: str, value: bytes | None) -> None:
        values = self.hints.setdefault(worker, {})
        room = self.room.setdefault(worker, self.settings.store_value_bytes)
        if not slot or slot in values:
            return
        is_inside = value is not None and len(value) <= room
        values[slot] = value if value is not None and is_inside else b""
        self.room[worker] = room - len(values[slot])

    def _settle(self, tasks: tuple[str, ...]) -> None:
        todo = self.state.todo[self.commit.worker]
        own = self.state.done_of[self.commit.worker]
        for task in tasks:
            if task not in self.state.done:
                self.settled.append(task)
            self.state.done.add(task)
            own.add(task)
            todo.pop(task, None)

    def _tell(self) -> None:
        if self.stored or self.settled:
            now = int(self.now * 1_000_000)
            data = {"worker": self.commit.worker, "slots": self.stored, "tasks": self.settled, "now": now}
            self.state.tell("stored" if self.stored else "settled", json.dumps(data))
        for worker, values in self.hints.items():
            self.state.hint(worker, values)

    def _fail(self, failures: list[Failure]) -> Answer:
        for failure in failures:
            self.state.errors[failure.task] = failure.record
            self.state.tell("failed", failure.record)
        self.state.end("failed", f"task {failures[0].task} failed")
        return Answer(status=Status.ENDED, todo={}, now=self.now)

    def _keep_record(self) -> Answer:
        me = self.me
        if me.state is State.CALLED:
            self.state.called -= 1
        me.state, me.due = State.RUNNING, self.now + self.settings.lease_s
        if self.commit.seq >= 0:
            me.seq = self.commit.seq
        if self.stored:
            me.tries = 0
        left = self._leave() if self.commit.mode is not Mode.STAY else False
        todo = self.state.todo.get(self.commit.worker, {})
        calls = self._calls()
        return Answer(
            status=Status.OK,
            todo=None if len(todo) == self.commit.known else dict(todo),
            calls=calls,
            winners=self.winners or None,
            called=self.state.called,
            now=self.now,
            left=left,
            seq=me.seq,
            queued=tuple(self.queued),
        )

    def _leave(self) -> bool:
        """Idle when nothing is granted, asleep when all grants wait; called again at a hand-over; else it stays.

        Who falls asleep has lost no process: the next begin is as cautious as this one was, and not more.
        """
        me, holds = self.me, bool(self.state.todo.get(self.commit.worker))
        wake = self._wake_time() if holds else None
        if holds and wake is None and self.commit.mode is not Mode.HANDOVER:
            return False
        me.state, me.token = State.IDLE, ""
        if wake is not None:
            me.state, me.due, me.tries = State.ASLEEP, wake, int(me.tries > 1)
        elif holds:
            me.state, me.k, me.confirmed = State.CALLED, 0, False
            me.called_at, me.due = self.now, self.now + self.settings.call_limit_s
            self.state.called += 1
            self.granted[self.commit.worker] = []
        self.state.tell("left", json.dumps({"worker": self.commit.worker, "handover": holds}))
        return True

    def _wake_time(self) -> float | None:
        """When the first of this worker's grants is due; None when one need not wait."""
        nothing = Tried(number=0)
        dues = [self.state.attempts.get(task, nothing).due for task in self.state.todo[self.commit.worker]]
        return min(dues) if min(dues) > self.now else None

    def _calls(self) -> tuple[Call, ...]:
        """Those that this commit called; a batch sent again asks again for the calls of its lost answer."""
        for worker in self._named() if self.is_resent else ():
            record = self.workers.get(worker)
            unheard = record is not None and record.state is State.CALLED and not record.confirmed
            if unheard and worker != self.commit.worker:
                self.granted.setdefault(worker, [])
        return tuple(call_of(name, self.workers[name], start) for name, start in self.granted.items())

    def _named(self) -> list[str]:
        """The workers to which this commit may have granted something: its destinations, and who was let in."""
        arrivals = [
            arrival
            for item in self.commit.items
            if isinstance(item, Store)
            for arrival in (*item.joins, *item.arrivals)
        ]
        released = [item.gate for item in self.commit.items if isinstance(item, (Release, Attempt)) and item.gate]
        gates = dict.fromkeys([*(arrival.gate for arrival in arrivals if arrival.gate), *released])
        let_in = [worker for gate in gates for worker in self.state.held[gate.name].values()]
        return [*(arrival.worker for arrival in arrivals), *let_in]


def call_of(worker: str, record: Record, start: list[str] | tuple[str, ...] = ()) -> Call:
    return Call(worker=worker, env=record.env, subdag=record.subdag, called_at=record.called_at, start=tuple(start))


def confirm(state: MemoryState, worker: str, called_at: float) -> None:
    """The call was accepted (202), if it is still the newest one."""
    record = (state.workers or {}).get(worker)
    if record is not None and record.state is State.CALLED and record.called_at == called_at:
        record.confirmed = True
