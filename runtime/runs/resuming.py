"""A run that has no result yet gone on with: only what did not commit is run, or what a change touches.

The run keeps its id, so that sealed values stay valid. Without a bundle it is resumed with the one that its record
names. Its failed tasks start with their first attempt again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from runtime.backends.redis import RedisBackend
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.failures import is_fatal
from runtime.given_inputs import resolve_inputs
from runtime.local.living import LocalStack
from runtime.local.stack import ensure_stack
from runtime.plan import parse_instance_name
from runtime.requirements import check_installed
from runtime.results import Progress, RunResult
from runtime.runs.archive import leaves_record, restore
from runtime.runs.changes import digests, reasons
from runtime.runs.clients import finish_following
from runtime.runs.confiding import confide_secrets
from runtime.runs.detaching import target_on
from runtime.runs.ending import ends_recorded
from runtime.runs.finding import Deployment, Found
from runtime.runs.following import Follower
from runtime.runs.publishing import make_record, prepare_functions
from runtime.runs.record import RunState
from runtime.runs.recorded import recorded_bundle, recorded_inputs
from runtime.runs.removing import RunRefuses
from runtime.runs.session import Session, make_session
from runtime.watch import needed_instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What going on means: of `total` tasks `done` need not run, as what they gave is kept or needed no more.

    `repeated` are tasks that had committed and run again: (task, why, how many instances).
    """

    run: str
    total: int
    done: int
    repeated: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for. `bundle` None is the recorded one; `inputs` and `texts` replace recorded inputs."""

    settings: WorkerSettings
    bundle: LoadedBundle | None = None
    inputs: Mapping[str, object] | None = None
    texts: Mapping[str, str] | None = None
    keep: bool = False
    progress: Callable[[Progress], None] = lambda _: None
    tell: Callable[[Resumption], None] = lambda _: None


def check_resumable(found: Found) -> None:
    """Raises `RunRefuses` for a run that cannot be resumed."""
    run = found.run
    match found.entry.state:
        case RunState.RUNNING if found.stack is not None or found.entry.is_watched:
            raise RunRefuses(
                f"the run {run} is running",
                hint=f"`treadle run --attach {run}` follows it; `treadle cancel {run}` ends it",
            )
        case RunState.SUCCEEDED:
            raise RunRefuses(
                f"the run {run} has succeeded: there is nothing left to do",
                hint=f"`treadle run --attach {run}` shows its result",
            )
        case RunState.CANCELLED:
            raise RunRefuses(f"the run {run} was cancelled: nothing of it is kept", hint="launch the workflow anew")


def resume_somewhere(deployment: Deployment, found: Found, request: Request) -> RunResult:
    """Go on with a run where it lies; one that is a file, on the kept stack or one of its own. Raises as `resume`."""
    if found.entry.record.is_imported:
        raise RunRefuses(f"the run {found.run} was imported: it goes on only where it was launched")
    local = deployment.settings
    if found.redis_url and found.stack is None:
        local = replace(local, redis_url=found.redis_url)
    with ensure_stack(local) as stack, leaves_record(stack, local, found.run):
        if found.redis_url not in ("", stack.redis_url):
            raise RunRefuses(
                f"the run {found.run} lies in another Redis than the one to run on",
                hint="leave --redis out, or give the one in which `treadle runs` finds it",
            )
        return resume(deployment, found, stack, request)


def resume(deployment: Deployment, found: Found, stack: LocalStack, request: Request) -> RunResult:
    """Go on with a run on this stack, to its end. Raises as `launch`, and `BundleInvalid` when its time is over."""
    began = time.monotonic()
    with _claimed(deployment, found), deployment.book(stack.redis_url) as book:
        if not found.redis_url:
            restore(book.link, deployment.name, found.run)
        record = found.entry.record
        settings = _where_values_lie(record.settings, request.settings)
        backend = RedisBackend(book.link, deployment.name, found.run, settings)
        trust = deployment.trust(record)
        before = recorded_bundle(record, backend, trust)
        recorded, _ = recorded_inputs(record, backend, trust)
        bundle = request.bundle or before
        check_installed(bundle.requirements)
        wanted = {**{name: recorded[name] for name in recorded if name in bundle.inputs}, **(request.inputs or {})}
        inputs = resolve_inputs(bundle.inputs, wanted, request.texts or {})
        target = target_on(stack, deployment.settings)
        confide_secrets(found.run, bundle, inputs, target)
        with closing(
            make_session(
                bundle,
                backend,
                trust,
                target=target,
                settings=settings,
                keys=deployment.keys,
            )
        ) as session:
            stale = _stale(session, before, recorded, inputs, request.tell)
            follower = Follower(session, make_record(session, inputs, record.started), inputs, request.progress)
            with ends_recorded(session, keep=request.keep):
                follower.tell("starting", force=True)
                prepare_functions(session)
                follower.resume(stale)
                return finish_following(session, follower, inputs, began, keep=request.keep)


def _where_values_lie(before: WorkerSettings, now: WorkerSettings) -> WorkerSettings:
    """The settings of today, with the object store in which the run's values are."""
    return replace(now, object_store=before.object_store or now.object_store)


@contextmanager
def _claimed(deployment: Deployment, found: Found) -> Iterator[None]:
    """An archived run is brought back by one process at a time. Raises `RunRefuses`."""
    folder = deployment.folder(found.run)
    if found.redis_url or not folder.is_dir():
        yield
        return
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise RunRefuses(f"the run {found.run} is being resumed by another process") from err
    else:
        yield
    finally:
        os.close(lock)


def _stale(
    session: Session,
    before: LoadedBundle,
    recorded: Mapping[str, object],
    inputs: Mapping[str, object],
    tell: Callable[[Resumption], None],
) -> frozenset[str]:
    """The committed slots that do not stand any more; tells what that means."""
    graph = session.bundle.graph()
    readable, _ = session.backend.values.readable()
    why: dict[str, str] = {}
    if session.bundle.digest != before.digest or inputs != recorded:
        errors = session.backend.coordinator.status().errors
        passed = frozenset(task for task, text in errors.items() if not is_fatal(text))
        why = reasons(digests(before, recorded, passed), digests(session.bundle, inputs, passed))
    standing: set[str] = set()
    touched: list[str] = []
    for instance, name in enumerate(graph.names):
        slots = graph.slots(instance)
        if name not in why:
            standing.update(slots)
        elif not readable.isdisjoint(slots):
            touched.append(name)
    stale = readable - standing
    done = len(graph) - len(needed_instances(graph, readable - stale))
    tell(Resumption(run=session.run, total=len(graph), done=done, repeated=_grouped(touched, why)))
    return stale


def _grouped(names: list[str], why: Mapping[str, str]) -> tuple[tuple[str, str, int], ...]:
    counts = Counter((parse_instance_name(name)[0], why[name]) for name in names)
    return tuple((task, reason, count) for (task, reason), count in counts.items())
