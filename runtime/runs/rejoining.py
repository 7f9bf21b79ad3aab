"""A run that another process has launched, as a command line takes part in it: followed, shown, or gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.results import RunResult
from runtime.runs.attaching import follow_live, shown_end
from runtime.runs.finding import Deployment, Found
from runtime.runs.resuming import Request, Resumption, check_resumable, resume_somewhere

SHOWN_CHANGES = 12
Say = Callable[[str], None]


def attach(deployment: Deployment, found: Found, request: Request, say: Say) -> RunResult:
    """Show the end of a run that is over, follow one that goes on, go on with one that was interrupted.

    Raises as `launch`, and `Left` after Ctrl-C of a run that goes on without this client.
    """
    if found.entry.outcome is not None:
        return shown_end(deployment, found)
    if found.stack is None:
        say(f"the run {found.run} was interrupted: going on with it")
        return resume_somewhere(deployment, found, request)
    say(f"attached to {found.run}; Ctrl-C leaves it running")
    return follow_live(deployment, found, request.progress)


def resume(deployment: Deployment, found: Found, request: Request) -> RunResult:
    """Go on with a run that failed or was interrupted. Raises as `launch`, and `RunRefuses` for any other."""
    check_resumable(found)
    return resume_somewhere(deployment, found, request)


def resumption_lines(resumption: Resumption) -> Iterator[str]:
    """What stands, and what a change repeats."""
    yield f"resuming {resumption.run}: {resumption.done:,} of {resumption.total:,} tasks are done"
    for task, why, count in resumption.repeated[:SHOWN_CHANGES]:
        instances = f" ({count:,} instances)" if count > 1 else ""
        yield f"  repeated: {task}{instances}: {why}"
    if (more := len(resumption.repeated) - SHOWN_CHANGES) > 0:
        yield f"  and {more:,} more"
