"""Small timelines made by hand: what a test says nothing of is as good as anything else.

Those that are drawn at random for pictures, and as real runs leave them, are beside the tests that need them.
"""

from __future__ import annotations

from runtime.measures.spans import StartUp, TaskSpan
from runtime.timeline import InvocationSpans, Timeline

START: dict[str, object] = {
    "run": "1_w_0_0",
    "worker": "w",
    "incarnation": "t",
    "env_class": "1769",
    "memory_mb": 1769,
    "state": "cold",
    "invoke_time": 100.0,
    "start_time": 100.25,
    "ended_at": 110.0,
}
RUN: dict[str, object] = {
    "run": "1_w_0_0",
    "workflow": "w",
    "planner": "simple",
    "sla": "average",
    "graph_signature": "0",
    "invoked_at": 100.0,
    "last_commit": 110.0,
}


def span(task: str, started_at: float, exec_s: float, **fields: object) -> TaskSpan:
    """An attempt that was done."""
    given = {"task": task, "attempt": 1, "outcome": "done", "started_at": started_at, "exec_s": exec_s}
    return TaskSpan(**given | fields)  # type: ignore[arg-type]


def start_up(**fields: object) -> StartUp:
    """A cold one, from 100 s on."""
    return StartUp(**START | fields)  # type: ignore[arg-type]


def invocation(start: StartUp, *spans: TaskSpan, is_complete: bool = True) -> InvocationSpans:
    return InvocationSpans(start_up=start, spans=spans, is_complete=is_complete)


def timeline(*invocations: InvocationSpans, **fields: object) -> Timeline:
    """A run from 100 s to 110 s."""
    return Timeline(**RUN | {"invocations": invocations} | fields)  # type: ignore[arg-type]
