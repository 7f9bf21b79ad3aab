"""Where the time of a timeline went, by kind: seconds over all its invocations. Real and simulated runs alike.

`lifetime` is what all invocations took from their first line on; what none of the kinds inside it explains is `other`:
the worker's own logic, and what the spans do not measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from runtime.measures.spans import StartUp
from runtime.timeline import InvocationSpans, Timeline

INSIDE = ("setup", "begin", "load", "execution", "serialize", "idle", "errand")
"""What makes up an invocation from its first line on."""

KINDS = (
    "makespan",
    "cold",
    "warm",
    "queue",
    "start cold",
    "start warm",
    *INSIDE,
    "other",
    "lifetime",
    "input wait",
    "commit",
    "upload",
    "invoke",
)
COUNTED = ("cold", "warm")


def kinds_of(timeline: Timeline) -> dict[str, float]:
    """Seconds by kind; `cold` and `warm` are numbers of starts."""
    found: Counter[str] = Counter(dict.fromkeys(KINDS, 0.0))  # type: ignore[arg-type]
    for one in timeline.invocations:
        for kind, amount in _of_invocation(one):
            found[kind] += amount  # type: ignore[assignment]
    found["makespan"] = timeline.makespan_s  # type: ignore[assignment]
    found["other"] = found["lifetime"] - sum(found[kind] for kind in INSIDE)
    return {kind: float(found[kind]) for kind in KINDS}


def _of_invocation(one: InvocationSpans) -> Iterable[tuple[str, float]]:
    yield from _of_start_up(one.start_up)
    for span in one.spans:
        yield "execution", span.exec_s
        yield "input wait", span.wait_inputs_s
        for output in span.outputs:
            yield "serialize", output.serialize_s
            yield "upload", output.upload_s


def _of_start_up(up: StartUp) -> Iterable[tuple[str, float]]:
    yield up.state, 1
    yield "queue", up.queue_s
    yield f"start {up.state}", up.start_up_s
    yield "setup", up.setup_s
    yield "begin", up.begin_s
    yield "load", up.code_load_s + up.subdag_fetch_s + up.subdag_decode_s
    yield "idle", up.idle_s
    yield "errand", up.errand_s
    yield "commit", up.commit_s
    yield "invoke", up.invoke_s
    yield "lifetime", max(0.0, up.ended_at - up.start_time)


def mean_kinds(timelines: Sequence[Timeline]) -> Mapping[str, float]:
    """The mean over several runs."""
    every = [kinds_of(timeline) for timeline in timelines]
    return {kind: fmean(one[kind] for one in every) for kind in KINDS}
