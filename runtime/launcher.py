"""The launcher: publishes a bundle, invokes its entry workers, follows the run, reads its outputs and cleans up.

It composes the parts of `runtime.runs`. It schedules nothing: who runs what is in the bundle, who goes on is decided
by the workers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing

from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.given_inputs import resolve_inputs
from runtime.results import Progress, RunResult
from runtime.runs.clients import finish_following
from runtime.runs.confiding import confide_secrets
from runtime.runs.ending import ends_recorded
from runtime.runs.following import Follower
from runtime.runs.publishing import make_record, prepare_functions
from runtime.runs.session import Target, open_session

__all__ = ["Target", "launch", "new_run_id"]


def launch(
    bundle: LoadedBundle,
    target: Target,
    settings: WorkerSettings,
    *,
    inputs: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    keep: bool = False,
    run: str = "",
) -> RunResult:
    """Run the bundle with these inputs on the target to its end and return what it gave.

    `run` is the id of the run when the caller has made it (`new_run_id`). Raises `InputsInvalid` and
    `SecretUnavailable` before anything is sent, `RunFailed` with the error records of tasks, `RunCancelled` after
    Ctrl-C, and the faults of Redis and Lambda. The run's record stays in Redis; of its other keys none does, unless it
    failed, `keep` is set, or Redis is gone.
    """
    began = time.monotonic()
    given = resolve_inputs(bundle.inputs, inputs or {})
    run = run or new_run_id(bundle)
    confide_secrets(run, bundle, given, target)
    with closing(open_session(run, bundle, target, settings)) as session:
        follower = Follower(session, make_record(session, given), given, progress)
        with ends_recorded(session, keep=keep):
            follower.tell("starting", force=True)
            prepare_functions(session)
            follower.start()
            return finish_following(session, follower, given, began, keep=keep)


def new_run_id(bundle: LoadedBundle) -> str:
    """A fresh id: when, what, a random part, and the graph's signature."""
    return f"{int(time.time() * 1000)}_{bundle.name}_{uuid.uuid4().hex[:8]}_{bundle.graph_signature}"
