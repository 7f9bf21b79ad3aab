"""Ends that come from outside: a run cancelled by another process, and what is left of runs removed."""

from __future__ import annotations

import shutil
import time

from runtime.backends.objects import objects_of
from runtime.backends.redis import RedisBackend
from runtime.errors import RunCancelled, RuntimeFault
from runtime.ports import RunEnd
from runtime.runs.book import Ending
from runtime.runs.details import details_of
from runtime.runs.ending import CANCELLED
from runtime.runs.finding import Deployment, Found
from runtime.runs.record import Outcome, RunState


class RunRefuses(RuntimeFault):
    """What was asked does not fit the state that the run is in."""

    code = "run-state"
    exit_code = 1


def cancel_run(deployment: Deployment, found: Found) -> None:
    """Fence every worker, record it, remove the keys. Raises `RunRefuses` for a run that has ended."""
    if found.entry.outcome is not None:
        raise RunRefuses(f"the run {found.run} is over: it {_past(found.entry.state)}")
    if not found.redis_url:
        raise RunRefuses(
            f"the run {found.run} was interrupted: nothing of it is running",
            hint=f"`treadle clean {found.run}` removes it, `treadle run --resume {found.run}` goes on with it",
        )
    record = found.entry.record
    outcome = Outcome(state=RunState.CANCELLED, ended=time.time(), code=RunCancelled.code, reason=CANCELLED)
    with deployment.book(found.redis_url) as book:
        coordinator = RedisBackend(book.link, deployment.name, found.run, record.settings).coordinator
        coordinator.end(RunEnd.CANCELLED, CANCELLED)
        timeline = details_of(deployment, found).timeline or b""
        ending = Ending(outcome=outcome, timeline=timeline, keeps=(record.graph, record.plan))
        book.close(found.run, ending, record.settings.life_s)
        coordinator.finish()


def remove_run(deployment: Deployment, found: Found) -> None:
    """Remove everything of a run, wherever it is. One that is live is cancelled first."""
    record = found.entry.record
    if found.entry.outcome is None and found.redis_url:
        cancel_run(deployment, found)
    if found.redis_url:
        with deployment.book(found.redis_url) as book:
            RedisBackend(book.link, deployment.name, found.run, record.settings).coordinator.finish()
            book.remove(found.run)
    elif not record.is_imported and record.settings.object_store is not None:
        objects_of(record.settings.object_store, deployment.name, found.run).clear()
    shutil.rmtree(deployment.folder(found.run), ignore_errors=True)


def _past(state: RunState) -> str:
    return "was cancelled" if state is RunState.CANCELLED else state.value
