"""A run that outlives its client: started on a kept stack, handed to a watchdog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from runtime.bundle import LoadedBundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import LambdaUnavailable
from runtime.given_inputs import resolve_inputs
from runtime.launcher import new_run_id
from runtime.local.hold import StackEnding
from runtime.local.living import LocalStack
from runtime.local.stack import hold_kept, start_kept
from runtime.results import Progress
from runtime.runs.confiding import confide_secrets
from runtime.runs.ending import ends_recorded
from runtime.runs.following import Follower
from runtime.runs.publishing import make_record, prepare_functions
from runtime.runs.session import Target, open_session
from runtime.runs.watchdog import Job, start_watchdog

LINGER_S = 60.0
"""How long a stack that a detached run has started stays after its last use."""

STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A run that goes on by itself."""

    run: str
    stack: LocalStack


def launch_detached(
    bundle: LoadedBundle,
    local: LocalSettings,
    settings: WorkerSettings,
    *,
    inputs: Mapping[str, object],
    keep: bool = False,
    progress: Callable[[Progress], None],
) -> Detached:
    """Start the run and return; what is not running is started, and ends 60 s after the last run.

    Raises as `launch`, for what can be known before the run is under way.
    """
    given = resolve_inputs(bundle.inputs, inputs)
    with lasting_stack(local) as stack:
        target = target_on(stack, local)
        run = new_run_id(bundle)
        confide_secrets(run, bundle, given, target)
        with closing(open_session(run, bundle, target, settings)) as session:
            follower = Follower(session, make_record(session, given), given, progress)
            with ends_recorded(session, keep=keep):
                follower.tell("starting", force=True)
                prepare_functions(session)
                follower.start()
                watch_over(session.run, stack, local, keep=keep)
            return Detached(run=session.run, stack=stack)


@contextmanager
def lasting_stack(local: LocalSettings) -> Iterator[LocalStack]:
    """The deployment's kept stack, started when there is none; it does not end inside."""
    for _ in range(STARTS):
        start_kept(local, linger_s=LINGER_S)
        with suppress(StackEnding), hold_kept(local) as stack:
            if stack is not None:
                yield stack
                return
    raise LambdaUnavailable("the local service ends again and again", hint="see `treadle local status`")


def watch_over(run: str, stack: LocalStack, local: LocalSettings, *, keep: bool = False) -> None:
    """Start a watchdog for a run on a kept stack."""
    start_watchdog(
        Job(
            run=run,
            deployment=local.deployment,
            redis_url=stack.redis_url,
            lambda_endpoint=stack.lambda_endpoint,
            region=stack.region,
            directory=str(stack.directory),
            keep=keep,
            signing_key=local.signing_key,
            history=local.redis_url or "",
        )
    )


def target_on(stack: LocalStack, local: LocalSettings) -> Target:
    """A stack as a run sees it."""
    return Target(
        redis_url=stack.redis_url,
        lambda_endpoint=stack.lambda_endpoint,
        region=stack.region,
        deployment=local.deployment,
        time_limit_s=int(local.time_limit_s),
        signing_key=local.signing_key,
        history=local.redis_url or "",
        vault=str(stack.vault),
        link=local.link_shape.text,
    )
