"""The coordination protocol in memory: the scripts of lua/*.lua as Python, one lock in place of Redis's one thread.

The page on the protocol is `redis_coordinator`'s. The contract suite, and hypothesis with both side by side, hold the
two to the same answers. Times come from the injected clock, in seconds.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

from runtime.backends.memory_commit import CommitRun, call_of, confirm
from runtime.backends.memory_state import MemoryState, Record, State
from runtime.config import WorkerSettings
from runtime.errors import RebuildSuperseded
from runtime.failures import is_fatal
from runtime.measures.span_batches import encode_invoked
from runtime.ports import (
    Answer,
    Begin,
    Call,
    Commit,
    RebuildPart,
    Reference,
    RunEnd,
    RunStatus,
    Status,
    WorkerRow,
)

QUIET_LIMITS = 6
"""Call limits in which nothing began (a minute, by default), before a confirmed call is repeated."""

QUIET_LIMITS_WHILE_LIVING = 60
MAX_K = 2


class MemoryCoordinator:
    """`runtime.ports.Coordinator`. One object is one client: its rebuilds have a number of their own."""

    def __init__(self, state: MemoryState, settings: WorkerSettings) -> None:
        self._state = state
        self._settings = settings
        self._rebuild = ""
        self._is_launch = False

    def rebuild_start(self, seen: RunStatus | None = None) -> None:
        state = self._state
        with state.lock:
            if seen is not None and (seen.meta, seen.rebuild) != (state.meta, state.rebuild):
                raise _superseded()
            state.rebuild = self._rebuild = secrets.token_hex(8)
            self._is_launch = seen is None
            state.built_at = state.clock()
            state.meta, state.reason, state.workers = "building", "", None
            for task in [task for task, record in state.errors.items() if is_fatal(record)]:
                state.attempts.pop(task, None)
                state.tried.pop(task, None)
                del state.errors[task]
            for stale in (state.done, state.need, state.todo, state.arrived, state.hints):
                stale.clear()
            state.done_of.clear()
            state.held.clear()
            state.lines.clear()
            state.stored_of.clear()

    def rebuild_part(self, part: RebuildPart) -> None:
        state = self._state
        with state.lock:
            if state.meta != "building" or self._rebuild != state.rebuild:
                raise _superseded()
            state.built_at = state.clock()
            state.arrived.update({consumer: set(slots) for consumer, slots in part.arrived.items()})
            state.todo.update({worker: dict(grants) for worker, grants in part.grants.items()})
            for worker, task in part.done:
                state.done.add(task)
                if worker:
                    state.done_of[worker].add(task)
            for worker, slot in part.stored:
                if worker:
                    state.stored_of[worker].add(slot)
            for slot in part.dangling:
                state.out.pop(slot, None)
            state.need.update(part.widths)
            for gate, holders in part.held.items():
                state.held[gate].update(holders)
            for gate, waiters in part.lines.items():
                state.lines[gate] = list(waiters)

    def rebuild_end(self, rows: Sequence[WorkerRow]) -> tuple[Call, ...]:
        state = self._state
        with state.lock:
            if self._rebuild != state.rebuild:
                raise _superseded()
            if state.meta == "building":
                self._write_rows(rows, state.clock())
            if state.meta != "run":
                return ()
            records = state.workers or {}
            return tuple(call_of(name, record) for name, record in records.items() if record.state is State.CALLED)

    def _write_rows(self, rows: Sequence[WorkerRow], now: float) -> None:
        state = self._state
        state.workers = {row.worker: Record(env=row.env, subdag=row.subdag) for row in rows}
        for row in rows:
            if row.has_todo:
                record = state.workers[row.worker]
                record.state, record.called_at, record.due = State.CALLED, now, now + self._settings.call_limit_s
        state.called = sum(row.has_todo for row in rows)
        state.newest = state.last_begin = 0.0
        state.meta = "run"
        if self._is_launch or not state.spans:
            state.spans.append(encode_invoked(now).encode())

    def begin(self, worker: str, token: str, called_at: float) -> Begin:
        state = self._state
        with state.lock:
            now = state.clock()
            if state.meta != "run" or not state.workers:
                return Begin(status=Status.ENDED, todo={}, now=now)
            record = state.workers.get(worker)
            if record is None or record.state is State.IDLE or (record.state is State.ASLEEP and record.due > now):
                return Begin(status=Status.NOTHING, todo={}, now=now)
            is_again = record.state is State.RUNNING and record.token == token and record.seq == 0
            if not is_again:
                refusal = self._refuse_begin(worker, record, now)
                if refusal is not None:
                    return Begin(status=refusal, todo={}, now=now)
                self._take_over(worker, record, token, called_at, now)
            record.due = now + self._settings.lease_s
            state.lock.notify_all()
            return Begin(
                status=Status.GO,
                todo=dict(state.todo.get(worker, {})),
                done=frozenset(state.done_of.get(worker, ())),
                stored=frozenset(state.stored_of.get(worker, ())),
                attempts=dict(state.attempts),
                tries=record.tries,
                now=now,
            )

    def _refuse_begin(self, worker: str, record: Record, now: float) -> Status | None:
        grants = sorted(self._state.todo.get(worker, ()))
        if not grants:
            return Status.NOTHING
        if record.is_live(now):
            return Status.BUSY
        if record.tries < self._settings.max_tries:
            return None
        shown = ", ".join(grants[:5]) + (f" and {len(grants) - 5} more" if len(grants) > 5 else "")
        reason = f"worker {worker} began {record.tries} times without storing a new output; it holds: {shown}"
        self._state.end("failed", reason)
        self._state.tell("failed", json.dumps({"worker": worker, "reason": reason}))
        self._state.lock.notify_all()
        return Status.ENDED

    def _take_over(self, worker: str, record: Record, token: str, called_at: float, now: float) -> None:
        state = self._state
        if record.state is State.CALLED:
            state.called -= 1
        record.tries += 1
        record.k, record.seq, record.confirmed = 0, 0, False
        record.state, record.token = State.RUNNING, token
        state.newest, state.last_begin = max(called_at, state.newest), now
        state.tell("begun", json.dumps({"worker": worker, "token": token, "tries": record.tries}))

    def commit(self, commit: Commit) -> Answer:
        state = self._state
        with state.lock:
            now = state.clock()
            refusal = self._fence(commit)
            if refusal is not None:
                return Answer(status=refusal, todo={}, now=now)
            answer = CommitRun(state, self._settings, commit, now).apply()
            state.lock.notify_all()
            return answer

    def _fence(self, commit: Commit) -> Status | None:
        """Rule 4: the record's own token, and the seq after the stored one or the stored one again."""
        if self._state.meta != "run" or not self._state.workers:
            return Status.ENDED
        record = self._state.workers.get(commit.worker)
        if record is None or record.state is State.IDLE or record.token != commit.token:
            return Status.FENCED
        is_next = commit.seq in (-1, record.seq + 1) or (commit.seq == record.seq and commit.seq > 0)
        return None if is_next else Status.FENCED

    def confirm(self, worker: str, called_at: float) -> None:
        with self._state.lock:
            confirm(self._state, worker, called_at)

    def watch(self, at_most: int) -> tuple[Call, ...]:
        state = self._state
        with state.lock:
            now = state.clock()
            if state.meta != "run" or not state.workers:
                return ()
            is_any_living = any(record.is_live(now) for record in state.workers.values())
            calls: list[Call] = []
            for worker, record in state.workers.items():
                if record.state is State.IDLE or record.due > now:
                    continue
                if not state.todo.get(worker):
                    state.called -= record.state is State.CALLED
                    record.state = State.IDLE
                elif len(calls) < at_most and self._may_call(record, is_any_living, now):
                    self._call_again(record, now)
                    calls.append(call_of(worker, record))
            return tuple(calls)

    def _may_call(self, record: Record, is_any_living: bool, now: float) -> bool:
        """Rule 8, for a worker that is due."""
        if record.state is not State.CALLED:
            return True
        factor = 1 << min(record.k, MAX_K)
        patience = self._settings.call_limit_s * factor
        if not record.confirmed:
            return now >= record.called_at + patience
        if self._state.newest >= record.called_at + patience:
            return True
        quiet = now - max(self._state.last_begin, record.called_at)
        limits = QUIET_LIMITS_WHILE_LIVING if is_any_living else QUIET_LIMITS * factor
        return quiet >= self._settings.call_limit_s * limits

    def _call_again(self, record: Record, now: float) -> None:
        """The token is kept: whoever held it goes on if nobody has begun."""
        if record.state is not State.CALLED:
            self._state.called += 1
            record.k = 0
        else:
            record.k = min(record.k + 1, MAX_K)
        record.state, record.called_at, record.confirmed = State.CALLED, now, False
        record.due = now + self._settings.call_limit_s * (1 << record.k)

    def lost(self, worker: str, token: str, slot: str, reference: str) -> None:
        state = self._state
        with state.lock:
            committed = Reference(key=reference) if reference else None
            if self._is_held(worker, token) and state.out.get(slot) == committed:
                state.end("rewind", f"the stored value of {slot} is gone")
                state.tell("ended", json.dumps({"how": "rewind", "slot": slot}))
                state.lock.notify_all()

    def _is_held(self, worker: str, token: str) -> bool:
        """The run goes on, and this incarnation is still the worker."""
        record = (self._state.workers or {}).get(worker)
        is_holder = record is not None and record.state is not State.IDLE and record.token == token
        return self._state.meta == "run" and is_holder

    def fail(self, worker: str, token: str, reason: str) -> None:
        state = self._state
        with state.lock:
            if self._is_held(worker, token):
                state.end("failed", reason)
                state.tell("ended", json.dumps({"how": "failed", "reason": reason}))
                state.tell("left", json.dumps({"worker": worker, "handover": False}))
                state.lock.notify_all()

    def salvage(self, worker: str, values: Mapping[str, bytes | Reference], *, is_last: bool) -> frozenset[str] | None:
        state = self._state
        with state.lock:
            if state.meta != "failed":
                return None
            new = {slot: value for slot, value in values.items() if slot not in state.out}
            state.out.update(new)
            if is_last:
                state.tell("left", json.dumps({"worker": worker, "handover": False}))
                state.lock.notify_all()
            return frozenset(new)

    def end(self, how: RunEnd, reason: str) -> None:
        state = self._state
        with state.lock:
            state.workers = None
            if state.meta in ("", "failed", "cancelled"):
                return
            state.end(how.value, reason)
            state.tell("ended", json.dumps({"how": how.value, "reason": reason}))
            state.lock.notify_all()

    def status(self) -> RunStatus:
        state = self._state
        with state.lock:
            return RunStatus(
                meta=state.meta,
                reason=state.reason,
                stored=len(state.out),
                done=len(state.done),
                active=sum(record.state is not State.IDLE for record in (state.workers or {}).values()),
                rebuild=state.rebuild,
                building_s=state.clock() - state.built_at,
                errors=dict(state.errors),
                earlier={
                    task: tuple(sorted(state.tried[task].items())) for task in state.errors if task in state.tried
                },
            )

    def finish(self) -> None:
        with self._state.lock:
            self._state.clear()
            self._state.lock.notify_all()


def _superseded() -> RebuildSuperseded:
    return RebuildSuperseded(
        "another launcher rebuilds this run at the same time", hint="let one of them end, then attach to the run"
    )
