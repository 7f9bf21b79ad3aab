"""Known bugs to be put into the runtime, each one that the protocol guards against: does the fault driver find it?

`share` is the least share of seeds that must find it: below what was measured, and about what the protocol's page
gives for its own model, as far as the scenarios here can be compared to that one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from runtime import watch as decisions
from runtime.attempts import Attempts
from runtime.backends.memory_commit import CommitRun
from runtime.backends.memory_coordinator import MemoryCoordinator
from runtime.backends.memory_state import Record, State
from runtime.bulk import Sealed
from runtime.events import Event, SendCommit
from runtime.exchange import Exchange
from runtime.plan import Task
from runtime.ports import Arrival, Call, Commit, Reference, RunStatus, Status
from runtime.watch import Move, RunWatch
from runtime.worker import Worker
from tests.faults import launcher


@dataclass(frozen=True, slots=True)
class Planted:
    """`changes`: (a class or module, the name of a function of its, what takes its place)."""

    share: float
    changes: tuple[tuple[Any, str, Any], ...]

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """Inside, the runtime has this bug."""
        with ExitStack() as stack:
            for owner, name, new in self.changes:
                stack.enter_context(patch.object(owner, name, new))
            yield


_arrive = CommitRun._arrive
_commit = Exchange._commit
_must_announce = Attempts.must_announce
_finish = Worker._finish


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


def _last_writer(run: CommitRun, slot: str, value: bytes | Reference | None) -> bytes | Reference | None:
    if value is None:
        return run.state.out.get(slot)
    run.state.out[slot] = value
    run.stored.append(slot)
    return value


PLANTED = {
    "leave_unseen": Planted(0.15, ((CommitRun, "_leave", _leave_unseen),)),
    "counter": Planted(0.04, ((CommitRun, "_arrive", _count),)),
    "arrive_before_put": Planted(0.27, ((Exchange, "_commit", _commit_then_put),)),
    "no_watch": Planted(0.35, ((MemoryCoordinator, "watch", _nobody),)),
    "no_rebuild": Planted(0.06, ((launcher, "next_move", _no_rebuild),)),
    "no_fence_no_meta": Planted(0.07, ((MemoryCoordinator, "_fence", _unfenced),)),
    "no_fence": Planted(0.02, ((MemoryCoordinator, "_fence", _any_token),)),
    "unannounced": Planted(0.02, ((Attempts, "must_announce", _unannounced),)),
    "follows_unanswered": Planted(0.03, ((Worker, "_finish", _follow_at_once),)),
    "last_writer_wins": Planted(0.05, ((CommitRun, "_put", _last_writer),)),
}
