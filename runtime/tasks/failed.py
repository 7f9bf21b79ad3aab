"""A failed attempt as the event that the machine takes: its error record, its short record and the names it goes by.

Here secrets are taken out of what user code said, before texts are cut to the length that is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.events import Failed
from runtime.failures import brief_record, error_record
from runtime.machine.retries import repeats
from runtime.plan import Task
from runtime.tasks.execute import TaskFailure


def failed_attempt(
    task: Task, attempt: int, failure: TaskFailure, *, worker: str, hide: Callable[[str], str]
) -> Failed:
    """Attempt number `attempt` (from 1) of `task` has failed on `worker`."""
    kind, message = hide(failure.kind), hide(failure.message)
    names = failure.names or (failure.kind,)
    record = error_record(
        task=task.name,
        attempt=attempt,
        attempts=task.retry.max + 1 if repeats(task.retry, names) else 0,
        worker=worker,
        kind=kind,
        message=message,
        traceback=hide(failure.traceback),
        line=task.line,
        file=task.file,
        hint=hide(failure.hint),
        stderr=hide(failure.stderr),
        on_error=task.on_error.action,
    )
    return Failed(task.name, record, brief_record(kind, message), names)
