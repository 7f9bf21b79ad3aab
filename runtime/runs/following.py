"""A run followed to its end: events, looks at the state, and what a look asks for (calls, a rebuild, the outputs).

It schedules nothing: who goes on is decided by the workers. Every wait here has an end. What a look means is decided
by `runtime.watch`; whoever launches, attaches to or watches a run follows it with this one loop.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from runtime.errors import RebuildSuperseded, RunCancelled, RunFailed, RuntimeFault
from runtime.failures import whole_records
from runtime.measures.clocks import StoreClock
from runtime.measures.span_batches import encode_invoked
from runtime.ports import Call, RunEnd, RunStatus
from runtime.results import Progress, Ready
from runtime.runs.calling import Caller
from runtime.runs.collecting import TargetGone, read_targets
from runtime.runs.publishing import publish
from runtime.runs.record import Outcome, RunRecord
from runtime.runs.session import Session
from runtime.timeline import Gathered, Timeline, gather, make_timeline
from runtime.values.trust import Packed
from runtime.watch import Move, RunWatch, next_move, rebuild_state

GRACE_S = 2.0
PROGRESS_EVERY_S = 0.1
CODE = re.compile(r"worker [^:]+: (E\d{3}): ")
"""What the reason of a run begins with that a fault of a worker's ended."""


class RunOver(Exception):
    """Somebody else has ended the run, and said how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.state.value)
        self.outcome = outcome


class Follower:
    """One client's view of one run. `watch` is what it has seen.

    `passed` are, once it is done, the records of the failures that were let pass.
    """

    def __init__(
        self, session: Session, record: RunRecord, inputs: Mapping[str, object], progress: Callable[[Progress], None]
    ) -> None:
        self._session = session
        self._record = record
        self._inputs = inputs
        self._clock = StoreClock()
        self._caller = Caller(session, {}, self._clock, self._while_calling)
        self._progress = progress
        self._deadline = time.monotonic() + session.settings.deadline_s - (time.time() - record.launched)
        self._told_at = 0.0
        self._after = "0"
        self.watch = RunWatch(total=len(session.bundle.graph()), targets=frozenset(session.targets))
        self._invoked_at = 0.0
        self.passed: tuple[Mapping[str, object], ...] = ()

    def start(self) -> None:
        """Publish a new run, write its state, and call its entry workers."""
        self._publish()
        self._call_first(self._rebuild(first=True))

    def resume(self, stale: frozenset[str] = frozenset()) -> None:
        """Publish a run that ended, and go on from the values that can be read; `stale` ones are forgotten."""
        self._publish()
        self._call_first(self._rebuild(stale=stale))

    def join(self, inside: Mapping[str, bytes]) -> None:
        """Take part in a run that goes on; `inside` are its sealed inputs that travel in a payload."""
        self._caller = Caller(self._session, inside, self._clock, self._while_calling)

    def _publish(self, *, is_recorded: bool = False) -> None:
        """A record that is there stays: to open it anew would forget that somebody has just ended the run."""
        sealed = publish(self._session, self._inputs, self._record)
        self._caller = Caller(self._session, sealed, self._clock, self._while_calling)
        if not is_recorded:
            self._session.book.open(self._record)

    def _call_first(self, calls: tuple[Call, ...]) -> None:
        self._caller.call_all(calls)
        if calls:
            self._invoked_at = self._clock.at(self._caller.first_at)
            self._session.backend.signals.push_spans([encode_invoked(self._invoked_at)])

    def _while_calling(self) -> None:
        self._read_events(0.0)
        self.tell("running")

    def follow(self) -> dict[str, Packed]:
        """Until every target can be read: the sealed result. Raises `RunFailed`, `RunCancelled`, `RunOver`."""
        every_s = max(0.05, min(1.0, self._session.settings.lease_s / 4))
        look_at = time.monotonic() + every_s
        while True:
            self._read_events(max(0.0, look_at - time.monotonic()))
            self.tell("running")
            if self.watch.failure or self.watch.has_all_targets or time.monotonic() >= look_at:
                if (found := self._look()) is not None:
                    return found
                if time.monotonic() >= look_at:
                    self._session.book.watch(self._session.run)
                look_at = time.monotonic() + every_s
            if time.monotonic() > self._deadline:
                self._session.backend.coordinator.end(RunEnd.FAILED, "deadline")
                limit = self._session.settings.deadline_s
                raise RunFailed(f"the run did not end within its deadline of {limit:g} s")

    def await_workers(self) -> None:
        """Wait for the workers' last words (their spans), for a little while."""
        give_up = time.monotonic() + GRACE_S
        while self.watch.awaits_spans and time.monotonic() < give_up:
            self._read_events(min(0.05, give_up - time.monotonic()))

    def _await_last_words(self) -> None:
        """Who lives learns with the next renewal that the run is over, and leaves what it holds for a resume."""
        self.tell("failed", force=True)
        give_up = time.monotonic() + self._session.settings.renew_s + GRACE_S
        while (self.watch.live or self.watch.awaits_spans) and time.monotonic() < give_up:
            self._read_events(give_up - time.monotonic())

    def timeline(self) -> Timeline:
        """What the workers of this run have measured so far; one round trip for every few batches.

        A run does not fail for want of it: what could not be read is one of its problems.
        """
        session = self._session
        try:
            gathered = gather(session.backend.signals.read_spans())
        except RuntimeFault as fault:
            gathered = Gathered(invocations=(), invoked_at=0.0, problems=(fault.message,))
        if self._invoked_at:
            gathered = replace(gathered, invoked_at=self._invoked_at)
        last_commit, link = self.watch.last_commit, session.target.link
        return make_timeline(gathered, session.bundle, run=session.run, last_commit=last_commit, link=link)

    def tell(self, state: str, *, force: bool = False) -> None:
        """Report the progress, now and then."""
        if force or time.monotonic() - self._told_at > PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            watch = self.watch
            self._progress(Progress(state=state, done=watch.done, total=watch.total, workers=len(watch.live)))

    def _look(self) -> dict[str, Packed] | None:
        """Read the state; call again what is due. The result, when every target can be read."""
        coordinator = self._session.backend.coordinator
        status = coordinator.status()
        match next_move(status, self.watch):
            case Move.FAIL:
                self._await_last_words()
                raise self._failure(status)
            case Move.REBUILD:
                if status.meta != "building":
                    self._bring_back()
                self._caller.call_all(self._rebuild(seen=status))
            case Move.WATCH:
                self._call_again()
            case Move.COLLECT:
                return self._find(status)
        return None

    def _call_again(self) -> None:
        """Call who is due; every call of an answer has that answer's time."""
        asked_at = time.monotonic()
        if calls := self._session.backend.coordinator.watch(self._caller.room):
            self._clock.heard(calls[0].called_at, asked_at, time.monotonic())
            self._caller.call_all(calls)

    def _bring_back(self) -> None:
        """Keys of the run are gone: somebody has ended and cleaned it, or Redis has lost them and is told again."""
        is_recorded = self._check_over()
        self._publish(is_recorded=is_recorded)

    def _check_over(self) -> bool:
        """Whether the record is there. Raises `RunOver` when the run was ended, `RunCancelled` when it was removed."""
        session = self._session
        entry = session.book.entry(session.run)
        if entry is not None and entry.outcome is not None:
            raise RunOver(entry.outcome)
        if entry is None and session.book.is_removed(session.run):
            raise RunCancelled(f"the run {session.run} was removed")
        return entry is not None

    def _find(self, status: RunStatus) -> dict[str, Packed] | None:
        """The result; None when a target is gone, which the workers or a rebuild will bring back."""
        self.tell("collecting", force=True)
        try:
            found = read_targets(self._session)
            self.passed = whole_records(status, passed=True)
            return found
        except TargetGone:
            self._check_over()
            if self.watch.is_value_gone(status):
                self._caller.call_all(self._rebuild(seen=status))
        return None

    def _rebuild(
        self, *, first: bool = False, stale: frozenset[str] = frozenset(), seen: RunStatus | None = None
    ) -> tuple[Call, ...]:
        """Write the run's state from what can be read; returns whom to invoke: nobody when another rebuilds it."""
        session, coordinator = self._session, self._session.backend.coordinator
        try:
            coordinator.rebuild_start(seen)
        except RebuildSuperseded:
            return ()
        self.watch.fence()
        readable, dangling = (frozenset[str](), frozenset[str]()) if first else session.backend.values.readable()
        state = rebuild_state(session.bundle, readable - stale, dangling | stale, fan_out=session.settings.fan_out)
        try:
            coordinator.rebuild_part(state.part)
            asked_at = time.monotonic()
            calls = coordinator.rebuild_end(state.rows)
            if calls:
                self._clock.heard(calls[0].called_at, asked_at, time.monotonic())
            return calls
        except RebuildSuperseded:
            return ()

    def tell_result(self, ready: Ready) -> None:
        """Report that the result is there; the run's last figures are not."""
        self._progress(Progress(state="done", done=self.watch.done, total=self.watch.total, ready=ready))

    def _failure(self, status: RunStatus) -> RuntimeFault:
        if status.meta == "cancelled":
            return RunCancelled(f"the run {self._session.run} was cancelled: {status.reason}")
        code = CODE.match(status.reason)
        hint = f"treadle explain {code[1]}" if code else ""
        return RunFailed(status.reason or "the run failed", records=whole_records(status), hint=hint)

    def _read_events(self, timeout_s: float) -> None:
        events = self._session.backend.signals.wait_events(self._after, timeout_s)
        for event in events:
            self.watch.take(event)
        if events:
            self._after = events[-1].id
