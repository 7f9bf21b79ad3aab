"""How a run is left: what its record says, what stays of its keys, and what its client is told.

A run that succeeded or was cancelled leaves no key but its record (`keep` leaves them all). One that failed keeps its
committed values for their time, so that it can be resumed. When Redis is gone nothing can be said to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runtime.errors import RunCancelled, RunFailed, RuntimeFault, StoreUnavailable
from runtime.ports import RunEnd
from runtime.results import RunResult
from runtime.runs.book import Ending
from runtime.runs.confiding import take_secrets_back
from runtime.runs.following import RunOver
from runtime.runs.kept import KEPT_BYTES, kept_parts, result_edges
from runtime.runs.learning import learn
from runtime.runs.measured import measured
from runtime.runs.record import Outcome, RunState
from runtime.runs.session import Session
from runtime.timeline import Timeline, encode_timeline
from runtime.values.trust import Packed

CANCELLED = "cancelled by the user"


@contextmanager
def ends_recorded(session: Session, *, keep: bool, is_leader: bool = True) -> Iterator[None]:
    """A fault inside is the end of the run, and Ctrl-C cancels it: both are recorded, then raised.

    Of a client that does not lead the run only what the run itself says is its end.
    """
    try:
        yield
    except (RunOver, StoreUnavailable):
        raise
    except KeyboardInterrupt:
        if not is_leader:
            raise
        cancel(session, keep=keep)
        raise RunCancelled(f"the run {session.run} was cancelled") from None
    except RunCancelled as fault:
        _record_cancelled(session, fault.message, keep=keep)
        raise
    except RuntimeFault as fault:
        if is_leader or isinstance(fault, RunFailed):
            fail(session, fault)
        raise


def succeed(
    session: Session,
    result: RunResult,
    slots: Mapping[str, Packed],
    inputs: Mapping[str, object],
    *,
    keep: bool = False,
    limit: int | None = KEPT_BYTES,
) -> None:
    """Keep the result when it is not larger than `limit`, and clean up."""
    is_kept = limit is None or sum(packed.size for packed in slots.values()) <= limit
    outcome = Outcome(
        state=RunState.SUCCEEDED,
        ended=time.time(),
        result=result,
        tree=session.bundle.result,
        edges=result_edges(session),
        is_kept=is_kept,
    )
    parts = kept_parts(session, slots, inputs) if is_kept else {}
    _close(session, outcome, result.timeline, parts)
    if not keep:
        session.backend.coordinator.finish()
    if result.timeline is not None:
        learn(session, result.timeline, RunState.SUCCEEDED)


def fail(session: Session, fault: RuntimeFault) -> None:
    """The run is over for every worker; what is committed stays."""
    session.backend.coordinator.end(RunEnd.FAILED, fault.message)
    records = fault.records if isinstance(fault, RunFailed) else ()
    outcome = Outcome(
        state=RunState.FAILED,
        ended=time.time(),
        code=fault.code,
        reason=fault.message,
        hint=fault.hint,
        records=tuple(records),
    )
    timeline = measured(session)
    _close(session, outcome, timeline)
    learn(session, timeline, RunState.FAILED)


def cancel(session: Session, *, keep: bool = False) -> None:
    """Fence everyone, then record it, then clean up."""
    session.backend.coordinator.end(RunEnd.CANCELLED, CANCELLED)
    _record_cancelled(session, CANCELLED, keep=keep)


def _record_cancelled(session: Session, reason: str, *, keep: bool) -> None:
    outcome = Outcome(state=RunState.CANCELLED, ended=time.time(), code=RunCancelled.code, reason=reason)
    timeline = measured(session)
    _close(session, outcome, timeline)
    learn(session, timeline, RunState.CANCELLED)
    if not keep:
        session.backend.coordinator.finish()


def _close(
    session: Session, outcome: Outcome, timeline: Timeline | None, parts: Mapping[str, bytes] | None = None
) -> None:
    take_secrets_back(session.run, session.target)
    ending = Ending(
        outcome=outcome,
        parts=parts or {},
        timeline=b"" if timeline is None or not timeline.invocations else encode_timeline(timeline),
        keeps=(session.bundle.graph_digest, session.bundle.plan_digest),
    )
    session.book.close(session.run, ending, session.settings.life_s)


def fault_of(run: str, outcome: Outcome) -> RuntimeFault:
    """What a client of a run that failed or was cancelled is told, as its launcher was."""
    if outcome.state is RunState.CANCELLED:
        return RunCancelled(f"the run {run} was cancelled")
    if outcome.code == RunFailed.code:
        return RunFailed(outcome.reason, records=outcome.records, hint=outcome.hint)
    fault = RuntimeFault(outcome.reason, hint=outcome.hint)
    fault.code = outcome.code
    return fault
