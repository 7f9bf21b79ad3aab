"""A client that follows a run which another has launched, and shows what that one would have shown.

Of a run that is over it shows the kept end. A run that nobody watches any more is taken over. Leaving does not end the
run: Ctrl-C detaches, and a run on a kept stack is left to a watchdog.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from runtime.errors import RuntimeFault, StoreUnavailable
from runtime.local.hold import StackEnding, held
from runtime.local.living import LocalStack, find_kept
from runtime.results import Progress, RunResult
from runtime.runs.clients import finish_following
from runtime.runs.detaching import target_on, watch_over
from runtime.runs.details import timeline_of
from runtime.runs.ending import ends_recorded, fault_of
from runtime.runs.finding import Deployment, Found, UnknownRun
from runtime.runs.following import Follower
from runtime.runs.kept import kept_result
from runtime.runs.record import RunState
from runtime.runs.recorded import open_recorded, recorded_inputs


class Left(RuntimeFault):
    """The client went away from a run that goes on."""

    code = "detached"
    exit_code = 130


def shown_end(deployment: Deployment, found: Found) -> RunResult:
    """What a run that is over gave. Raises what its launcher was told when it did not succeed."""
    outcome = found.entry.outcome
    assert outcome is not None, "only a run that is over has an end"
    if outcome.state is not RunState.SUCCEEDED:
        raise fault_of(found.run, outcome)
    result = kept_result(outcome, deployment.parts(found), deployment.own_trust(found.run))
    return replace(result, timeline=timeline_of(deployment, found), promise=found.entry.record.promise)


def follow_live(deployment: Deployment, found: Found, progress: Callable[[Progress], None]) -> RunResult:
    """Follow a run that a living stack runs to its end. Raises as `launch`, `Left` after Ctrl-C."""
    assert found.stack is not None, "a run that is followed has a stack"
    try:
        with held(found.stack.directory):
            return _follow(deployment, found, found.stack, progress)
    except (StoreUnavailable, StackEnding):
        # The stack of a foreground run ends with it: its end is in the record, which is a file by now.
        again = _elsewhere(deployment, found)
        if again is None or again.entry.outcome is None:
            raise
        return shown_end(deployment, again)
    except KeyboardInterrupt:
        raise _leave(deployment, found, found.stack) from None


def _follow(deployment: Deployment, found: Found, stack: LocalStack, progress: Callable[[Progress], None]) -> RunResult:
    began, record = time.monotonic(), found.entry.record
    target = target_on(stack, deployment.settings)
    with (
        deployment.book(stack.redis_url) as book,
        closing(open_recorded(record, target, book.link, deployment.keys)) as session,
    ):
        inputs, inside = recorded_inputs(record, session.backend, session.trust)
        follower = Follower(session, record, inputs, progress)
        follower.join(inside)
        with ends_recorded(session, keep=False, is_leader=False):
            return finish_following(session, follower, inputs, began)


def _leave(deployment: Deployment, found: Found, stack: LocalStack) -> Left:
    kept = find_kept(deployment.name)
    if kept is not None and kept.pid == stack.pid:
        watch_over(found.run, stack, deployment.settings)
    return Left(
        f"the run {found.run} goes on",
        hint=f"`treadle run --attach {found.run}` follows it again, `treadle cancel {found.run}` ends it",
    )


def _elsewhere(deployment: Deployment, found: Found) -> Found | None:
    try:
        return deployment.find(found.run)
    except UnknownRun:
        return None
