"""What a run adds to its deployment's history, by the client that followed it to its end."""

from __future__ import annotations

from runtime.history.remembering import remember_quietly
from runtime.runs.record import RunState
from runtime.runs.session import Session
from runtime.timeline import Timeline


def learn(session: Session, timeline: Timeline, state: RunState) -> None:
    """Add what its workers have measured, if the target keeps a history."""
    target = session.target
    if target.history is not None:
        remember_quietly(target.deployment, target.history or None, timeline, session.bundle, state.value)
