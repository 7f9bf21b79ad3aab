"""The launcher: publishes a bundle, invokes its entry workers, follows the run, reads its outputs and cleans up.

It composes the parts of `runtime.runs` and decides how a run is left. It schedules nothing: who runs what is in the
bundle, who goes on is decided by the workers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.errors import RunCancelled
from runtime.given_inputs import resolve_inputs
from runtime.ports import RunEnd
from runtime.results import Progress, RunResult
from runtime.runs.collecting import make_result
from runtime.runs.following import Follower
from runtime.runs.publishing import prepare_functions
from runtime.runs.session import Session, Target, open_session

__all__ = ["Target", "launch"]


def launch(
    bundle: LoadedBundle,
    target: Target,
    settings: WorkerSettings,
    *,
    inputs: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    keep: bool = False,
) -> RunResult:
    """Run the bundle with these inputs on the target to its end and return what it gave.

    Raises `InputsInvalid` before anything is sent, `RunFailed` with the error records of tasks, `RunCancelled` after
    Ctrl-C, and the faults of Redis and Lambda. Whatever happens, no key of the run stays in Redis, unless `keep` is
    set or Redis is gone.
    """
    began = time.monotonic()
    given = resolve_inputs(bundle.inputs, inputs or {})
    session = open_session(_new_run_id(bundle), bundle, target, settings)
    follower = Follower(session, given, progress, began + settings.deadline_s)
    try:
        follower.tell("starting", force=True)
        prepare_functions(session)
        follower.start()
        value = make_result(session, follower.follow(), given)
        follower.await_workers()
        return _result(session, follower, value, wall_s=time.monotonic() - began)
    except KeyboardInterrupt:
        session.backend.coordinator.end(RunEnd.CANCELLED, "cancelled by the user")
        raise RunCancelled(f"the run {session.run} was cancelled") from None
    finally:
        _leave(session, keep=keep)


def _new_run_id(bundle: LoadedBundle) -> str:
    return f"{int(time.time() * 1000)}_{bundle.name}_{uuid.uuid4().hex[:8]}_{bundle.graph_signature}"


def _leave(session: Session, *, keep: bool) -> None:
    """Clean up; a store that is gone has nothing to clean."""
    try:
        if not keep:
            session.backend.coordinator.finish()
    finally:
        session.close()


def _result(session: Session, follower: Follower, value: object, *, wall_s: float) -> RunResult:
    watch = follower.watch
    starts = watch.start_ups
    cold = sum(span.state == "cold" for span in starts)
    return RunResult(
        run=session.run,
        result=value,
        result_kind=session.bundle.result_kind,
        planner=session.bundle.planner,
        makespan_s=max(0.0, watch.last_commit - follower.invoked_at),
        wall_s=wall_s,
        tasks=len(session.bundle.graph()),
        workers=len(watch.workers),
        invocations=watch.begun,
        cold_starts=cold,
        warm_starts=len(starts) - cold,
        bytes_moved=sum(span.bytes_in + span.bytes_out for span in starts),
    )
