"""The last part of following a run, the same for whoever launched it, attached to it or resumed it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from runtime.costs import cost_of
from runtime.errors import RuntimeFault, StoreUnavailable
from runtime.results import Ready, RunResult
from runtime.runs.collecting import make_result
from runtime.runs.ending import fault_of, succeed
from runtime.runs.following import Follower, RunOver
from runtime.runs.kept import kept_result
from runtime.runs.record import Outcome, RunState
from runtime.runs.session import Session
from runtime.timeline import Timeline, decode_timeline
from runtime.values.trust import Packed


def finish_following(
    session: Session, follower: Follower, inputs: Mapping[str, object], began: float, *, keep: bool = False
) -> RunResult:
    """Follow the run to its end, record how it ended and clean up; `began` is the client's monotonic start.

    When another client was faster, the result is the one that it kept.
    """
    try:
        packed = follower.follow()
    except RunOver as over:
        return ended_result(session, over.outcome)
    ready = _shown_early(session, follower, packed, inputs)
    follower.await_workers()
    result = run_result(session, follower, wall_s=time.monotonic() - began)
    succeed(session, result, packed, inputs, keep=keep)
    return replace(result, result=ready.value if ready is not None else make_result(session, packed, inputs))


def _shown_early(
    session: Session, follower: Follower, packed: Mapping[str, Packed], inputs: Mapping[str, object]
) -> Ready | None:
    """Tell the result before the run's last figures are here and its record is written.

    One that this client cannot read, whose run succeeded all the same, is a fault after that.
    """
    try:
        ready = Ready(make_result(session, packed, inputs))
    except RuntimeFault:
        return None
    follower.tell_result(ready)
    return ready


def ended_result(session: Session, outcome: Outcome) -> RunResult:
    """What a run that is over gave. Raises what its launcher was told when it did not succeed."""
    if outcome.state is not RunState.SUCCEEDED:
        raise fault_of(session.run, outcome)
    result = kept_result(outcome, session.book.parts(session.run), session.trust)
    return replace(result, timeline=_kept_timeline(session), promise=session.bundle.promise)


def _kept_timeline(session: Session) -> Timeline | None:
    """None when there is none, or none that this treadle can read: the result is shown all the same."""
    try:
        kept = session.book.timeline(session.run)
        return None if kept is None else decode_timeline(kept)
    except StoreUnavailable:
        raise
    except RuntimeFault:
        return None


def run_result(session: Session, follower: Follower, *, wall_s: float) -> RunResult:
    """The figures of a run that was followed to its end; its result is None."""
    watch, bundle = follower.watch, session.bundle
    timeline = follower.timeline()
    starts = [invocation.start_up for invocation in timeline.invocations]
    cold = sum(start.state == "cold" for start in starts)
    return RunResult(
        run=session.run,
        result=None,
        result_kind=bundle.result_kind,
        planner=bundle.planner,
        makespan_s=timeline.makespan_s,
        wall_s=wall_s,
        tasks=len(bundle.graph()),
        workers=len(watch.workers),
        invocations=watch.begun,
        cold_starts=cold,
        warm_starts=len(starts) - cold,
        bytes_moved=sum(start.bytes_in + start.bytes_out for start in starts),
        passed=follower.passed,
        cost_usd=None if bundle.prices is None else cost_of(timeline, bundle.prices).usd,
        promise=bundle.promise,
        timeline=timeline,
    )
