"""Known bugs to be put into the runtime, each one that the protocol guards against: does the fault driver find it?

Each is planted in the memory twin and, as a change of text, into the real scripts. `share` is the least share of seeds
that must find it: below what was measured, and about what the protocol's page gives for its own model, as far as the
scenarios here can be compared to that one's. `python -m tests.faults.table` measures them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from runtime import watch as decisions
from runtime.backends.memory_commit import CommitRun
from runtime.backends.memory_coordinator import MemoryCoordinator
from runtime.backends.memory_state import Record, State
from runtime.backends.redis_link import Scripts
from runtime.errors import StoreUnavailable
from runtime.events import Event, SendCommit
from runtime.exchange import Exchange
from runtime.machine.attempts import Attempts
from runtime.measures.metrics import MetricsSink
from runtime.measures.span_batches import Row, encode_batch, read_batch
from runtime.measures.spans import StartUp
from runtime.plan import Task
from runtime.ports import Arrival, Attempt, Call, Commit, Mode, Reference, Release, RunStatus, Status
from runtime.values.bulk import Sealed
from runtime.watch import Move, RunWatch
from runtime.worker import Worker
from tests.faults import launcher

Change = tuple[Any, str, Any]
"""A class or module, the name of a function of its, and what takes its place."""

Patch = tuple[str, str, str]
"""A script, a text that occurs in it once, and what takes its place."""


@dataclass(frozen=True, slots=True)
class Planted:
    """`share`: what memory must find. `changes` in Python, `patches` in the scripts: the same bug on either store."""

    share: float
    changes: tuple[Change, ...]
    patches: tuple[Patch, ...] = ()

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """Inside, the runtime has this bug."""
        with ExitStack() as stack:
            for owner, name, new in self.changes:
                stack.enter_context(patch.object(owner, name, new))
            stack.enter_context(patch.object(Scripts, "_read", self._reader()))
            yield

    def _reader(self) -> Callable[[Scripts, str], str]:
        def read(scripts: Scripts, name: str) -> str:
            return self._changed(name, _read(scripts, name))

        return read

    def _changed(self, name: str, text: str) -> str:
        for script, old, new in self.patches:
            if script == name:
                assert text.count(old) == 1, f"{old!r} is to occur in {script}.lua once"
                text = text.replace(old, new)
        return text


_read = Scripts._read
_arrive = CommitRun._arrive
_commit = Exchange._commit
_must_announce = Attempts.must_announce
_finish = Worker._finish
_release = CommitRun._release
_worker_arrive = Worker._arrive
_announce = Attempts.announce
_send = MetricsSink.send


def _leave_unseen(run: CommitRun) -> bool:
    """Leaves whatever `todo` holds."""
    run.me.state, run.me.token = State.IDLE, ""
    return True


class _Tally(set[str]):
    """Arrivals as a bare number: the same one twice counts twice."""

    def __init__(self, slots: Iterable[str]) -> None:
        super().__init__(slots)
        self.count = len(self)

    def add(self, slot: str) -> None:
        super().add(slot)
        self.count += 1

    def __contains__(self, _: object) -> bool:
        return False

    def __len__(self) -> int:
        return getattr(self, "count", 0) or super().__len__()


def _count(run: CommitRun, arrival: Arrival, slot: str, value: bytes | None) -> None:
    slots = run.state.arrived[arrival.consumer]
    if not isinstance(slots, _Tally):
        run.state.arrived[arrival.consumer] = _Tally(slots)
    _arrive(run, arrival, slot, value)


def _commit_then_put(exchange: Exchange, effect: SendCommit) -> list[Event]:
    """A large value's reference is committed, and arrives, before the value is there."""
    values = exchange.ports.values
    owed: list[tuple[Any, ...]] = []

    def put_later(task: str, output: str | None, token: str, sealed: Sealed) -> str:
        owed.append((task, output, token, sealed))
        return f"{task}:{output or ''}:{token}"

    with patch.object(values, "put_large", put_later):
        events = _commit(exchange, effect)
    for one in owed:
        values.put_large(*one)
    return events


def _nobody(coordinator: MemoryCoordinator, at_most: int) -> tuple[Call, ...]:
    return ()


def _no_rebuild(status: RunStatus, watch: RunWatch) -> Move:
    move = decisions.next_move(status, watch)
    return Move.WATCH if move is Move.REBUILD else move


def _unfenced(coordinator: MemoryCoordinator, commit: Commit) -> Status | None:
    """Whoever writes is believed, and whether the run goes on is not looked at."""
    state = coordinator._state
    if state.workers is None:
        state.workers = {}
    state.workers.setdefault(commit.worker, Record(env=commit.env, subdag=""))
    return None


def _any_token(coordinator: MemoryCoordinator, commit: Commit) -> Status | None:
    """The fence alone removed: the run's own state is looked at."""
    state = coordinator._state
    return Status.ENDED if state.meta != "run" or commit.worker not in (state.workers or {}) else None


def _unannounced(attempts: Attempts, task: Task) -> bool:
    return _must_announce(attempts, replace(task, is_idempotent=True))


def _follow_at_once(worker: Worker, task: Task) -> None:
    _finish(worker, replace(task, is_idempotent=True))


def _kept(run: CommitRun, item: Release) -> None:
    """A place is not given back."""


class _Count(dict[str, str]):
    """Places as a number that goes down by one at each release, whoever gives back what."""

    def __init__(self, held: Mapping[str, str]) -> None:
        super().__init__(held)
        self.taken = len(held)

    def __setitem__(self, task: str, worker: str) -> None:
        super().__setitem__(task, worker)
        self.taken += 1

    def pop(self, task: str, *default: Any) -> Any:
        self.taken -= 1
        return super().pop(task, *default)

    def __len__(self) -> int:
        return getattr(self, "taken", 0)


def _count_down(run: CommitRun, item: Release) -> None:
    held = run.state.held[item.gate.name]
    if not isinstance(held, _Count):
        run.state.held[item.gate.name] = _Count(held)
    _release(run, item)


def _claim_nothing(attempts: Attempts, task: Task) -> Attempt:
    return replace(_announce(attempts, task), gate=None)


def _walk_ungranted(worker: Worker, slots: Iterable[str]) -> None:
    """Whatever has its inputs in memory runs."""
    grants = worker.grants
    worker.grants = {**grants, **{name: -1 for name in worker.tasks}}
    _worker_arrive(worker, slots)
    worker.grants = grants


def _last_writer(run: CommitRun, slot: str, value: bytes | Reference | None) -> bytes | Reference | None:
    if value is None:
        return run.state.out.get(slot)
    run.state.out[slot] = value
    run.stored.append(slot)
    return value


def _skip_what_is_stored(run: CommitRun, arrival: Arrival, slot: str, value: bytes | None) -> None:
    """A grant is withheld from what is stored, which need not have arrived anywhere yet."""
    if arrival.consumer not in run.state.out:
        _grant(run, arrival, slot, value)


def _ignore_lease(coordinator: MemoryCoordinator, worker: str, record: Record, now: float) -> Status | None:
    return _refuse_begin(coordinator, worker, replace(record, due=0.0), now)


def _count_up_only(coordinator: MemoryCoordinator, worker: str, record: Record, *begin: Any) -> None:
    coordinator._state.called += record.state is State.CALLED
    _take_over(coordinator, worker, record, *begin)


def _keep_seq(coordinator: MemoryCoordinator, worker: str, record: Record, *begin: Any) -> None:
    seq = record.seq
    _take_over(coordinator, worker, record, *begin)
    record.seq = seq


def _forget_calls(run: CommitRun) -> tuple[Call, ...]:
    run.is_resent = False
    return _calls(run)


def _let_sleep(coordinator: MemoryCoordinator, record: Record, is_any_living: bool, now: float) -> bool:
    return record.state is not State.ASLEEP and _may_call(coordinator, record, is_any_living, now)


def _keep_grants(run: CommitRun, tasks: tuple[str, ...]) -> None:
    held = dict(run.state.todo[run.commit.worker])
    _settle(run, tasks)
    run.state.todo[run.commit.worker].update(held)


def _hand_over_nothing(run: CommitRun) -> bool:
    return _leave_unseen(run) if run.commit.mode is Mode.HANDOVER else _leave(run)


def _spill_nothing(worker: Worker) -> bool:
    return False


_grant = CommitRun._grant
_calls = CommitRun._calls
_settle = CommitRun._settle
_leave = CommitRun._leave
_refuse_begin = MemoryCoordinator._refuse_begin
_take_over = MemoryCoordinator._take_over
_may_call = MemoryCoordinator._may_call

NO_FENCE: tuple[Patch, ...] = (
    ("commit", "if me.state == IDLE or me.token ~= batch.token then return refuse('fenced') end", ""),
    ("commit", "if batch.seq >= 0 and batch.seq ~= me.seq + 1 and not resent then return refuse('fenced') end", ""),
)
NO_META: tuple[Patch, ...] = (
    ("commit", "if not is_run(META) then return refuse('ended') end", ""),
    (
        "commit",
        "  return refuse(redis.call('EXISTS', WORKERS) == 0 and 'ended' or 'fenced')",
        "  me = new_record(batch.env, '')",
    ),
)


def _send_once(sink: MetricsSink, start_up: StartUp, rows: Sequence[Row], *, is_last: bool) -> None:
    """What could not be sent is given up."""
    try:
        _send(sink, start_up, rows, is_last=is_last)
    finally:
        sink._unsent = []


def _send_under_another_number(sink: MetricsSink, start_up: StartUp, rows: Sequence[Row], *, is_last: bool) -> None:
    """What is sent again is taken for something new."""
    try:
        _send(sink, start_up, rows, is_last=is_last)
    except StoreUnavailable:
        again = [
            replace(read_batch(json.loads(text)), number=sink._number + place)
            for place, text in enumerate(sink._unsent)
        ]
        sink._unsent = [encode_batch(batch) for batch in again]
        sink._number += len(again)
        raise


PLANTED = {
    "leave_unseen": Planted(
        0.15,
        ((CommitRun, "_leave", _leave_unseen),),
        (("commit", "local holds = redis.call('HLEN', TODO) > 0", "local holds = false"),),
    ),
    "handover_unseen": Planted(
        0.05,
        ((CommitRun, "_leave", _hand_over_nothing),),
        (
            (
                "commit",
                "local holds = redis.call('HLEN', TODO) > 0",
                "local holds = redis.call('HLEN', TODO) > 0 and batch.mode ~= 'handover'",
            ),
        ),
    ),
    "counter": Planted(
        0.04,
        ((CommitRun, "_arrive", _count),),
        (
            (
                "commit",
                "if redis.call('SADD', key, slot) == 0 then return end",
                "redis.call('SADD', key, slot .. '#' .. redis.call('SCARD', key))",
            ),
        ),
    ),
    "arrive_before_put": Planted(0.3, ((Exchange, "_commit", _commit_then_put),)),
    "no_watch": Planted(
        0.3,
        ((MemoryCoordinator, "watch", _nobody),),
        (("due", "if not is_run(KEYS[1]) then return '' end", "do return '' end"),),
    ),
    "no_rebuild": Planted(0.06, ((launcher, "next_move", _no_rebuild),)),
    "no_fence_no_meta": Planted(0.07, ((MemoryCoordinator, "_fence", _unfenced),), (*NO_FENCE, *NO_META)),
    "no_fence": Planted(0.01, ((MemoryCoordinator, "_fence", _any_token),), NO_FENCE),
    "last_writer_wins": Planted(
        0.05,
        ((CommitRun, "_put", _last_writer),),
        (("commit", "  if there then\n", "  if there and not value then\n"),),
    ),
    "stored_for_settled": Planted(
        0.001,
        ((CommitRun, "_grant", _skip_what_is_stored),),
        (
            (
                "commit",
                "local due = without_members(DONE, consumers)",
                "local due = {}\n"
                "  for _, one in ipairs(without_members(DONE, consumers)) do\n"
                "    if redis.call('HEXISTS', OUT, one) == 0 then due[#due + 1] = one end\n"
                "  end",
            ),
        ),
    ),
    "lease_ignored": Planted(
        0.1,
        ((MemoryCoordinator, "_refuse_begin", _ignore_lease),),
        (("begin", "if record.state == RUNNING and record.due > now then return answer('busy') end", ""),),
    ),
    "called_counts_up": Planted(
        0.5,
        ((MemoryCoordinator, "_take_over", _count_up_only),),
        (("begin", "if record.state == CALLED then redis.call('HINCRBY', KEYS[3], 'called', -1) end", ""),),
    ),
    "seq_goes_on": Planted(
        0.1,
        ((MemoryCoordinator, "_take_over", _keep_seq),),
        (
            (
                "begin",
                "record.tries, record.k, record.seq = record.tries + 1, 0, 0",
                "record.tries, record.k = record.tries + 1, 0",
            ),
        ),
    ),
    "resend_drops_calls": Planted(
        0.01, ((CommitRun, "_calls", _forget_calls),), (("commit", "if resent then\n", "if false then\n"),)
    ),
    "asleep_for_ever": Planted(
        0.01,
        ((MemoryCoordinator, "_may_call", _let_sleep),),
        (
            (
                "due",
                "if string.sub(all[i + 1], 1, 1) ~= IDLE then",
                "if string.sub(all[i + 1], 1, 1) ~= IDLE and string.sub(all[i + 1], 1, 1) ~= ASLEEP then",
            ),
        ),
    ),
    "grants_kept": Planted(
        0.5,
        ((CommitRun, "_settle", _keep_grants),),
        (("commit", "redis.call('HDEL', TODO, task)", ""), ("commit", "in_chunks('HDEL', TODO, tasks)", "")),
    ),
    "no_spill": Planted(0.05, ((Worker, "_spill", _spill_nothing),)),
    "unannounced": Planted(0.01, ((Attempts, "must_announce", _unannounced),)),
    "follows_unanswered": Planted(0.02, ((Worker, "_finish", _follow_at_once),)),
    "release_forgotten": Planted(
        0.2,
        ((CommitRun, "_release", _kept),),
        (("commit", "redis.call('HDEL', PREFIX .. 'gate:' .. gate[1], task)", ""),),
    ),
    "runs_without_place": Planted(0.001, ((Attempts, "announce", _claim_nothing),)),
    "places_counted": Planted(0.03, ((CommitRun, "_release", _count_down),)),
    "walks_through_gates": Planted(0.03, ((Worker, "_arrive", _walk_ungranted),)),
    "rows_forgotten": Planted(0.03, ((MetricsSink, "send", _send_once),)),
    "rows_doubled": Planted(0.03, ((MetricsSink, "send", _send_under_another_number),)),
}
