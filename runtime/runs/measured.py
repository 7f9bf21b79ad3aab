"""What the workers of a run have measured, read when somebody ends it who has not followed it, or saw it fail."""

from __future__ import annotations

from runtime.runs.session import Session
from runtime.timeline import Timeline, gather, make_timeline


def measured(session: Session) -> Timeline:
    """What the run's spans tell so far; its newest commit is the newest that a span names. Raises StoreUnavailable."""
    gathered = gather(session.backend.signals.read_spans())
    commits = [span.committed_at for one in gathered.invocations for span in one.spans]
    last_commit, link = max(commits, default=0.0), session.target.link
    return make_timeline(gathered, session.bundle, run=session.run, last_commit=last_commit, link=link)
