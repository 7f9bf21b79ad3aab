"""What the record of a run holds beside its start and its end: timeline, graph and plan, wherever the run lies.

They are read only when one run is shown: a list of runs does without. What is not there is None: a run that began and
measured nothing, a graph that Redis has lost. Of a run that nobody saw end the timeline is what its workers had sent.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from runtime.backends.keys import RunKeys
from runtime.bundle import RunGraph, read_run_graph
from runtime.errors import RuntimeFault
from runtime.runs.archive import read_sections, unpack_blob
from runtime.runs.finding import Deployment, Found
from runtime.runs.record import RunRecord, open_timeline
from runtime.timeline import Timeline, decode_timeline, encode_timeline, gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The bytes of a run's details, opened: JSON each."""

    timeline: bytes | None
    graph: bytes | None
    plan: bytes | None

    def run_graph(self) -> RunGraph | None:
        """The graph with its plan. Raises `BundleInvalid`, `SchemaVersionUnsupported` (E605)."""
        return None if self.graph is None or self.plan is None else read_run_graph(self.graph, self.plan)

    def read_timeline(self) -> Timeline | None:
        """Raises `TimelineUnreadable`, `SchemaVersionUnsupported` (E605)."""
        return None if self.timeline is None else decode_timeline(self.timeline)


def details_of(deployment: Deployment, found: Found) -> Details:
    """Raises `SignatureInvalid` (E606) for what this deployment did not sign, StoreUnavailable, OSError."""
    record, trust = found.entry.record, deployment.own_trust(found.run)
    kept = _in_redis(deployment, found) if found.redis_url else _in_file(deployment, found)
    timeline, spans, graph, plan = (kept.get(name) for name in ("timeline", "spans", "graph", "plan"))
    return Details(
        timeline=timeline or (_put_together(record, spans) if spans else None),
        graph=None if graph is None else trust.open_blob(record.graph, graph),
        plan=None if plan is None else trust.open_blob(record.plan, plan),
    )


def timeline_of(deployment: Deployment, found: Found) -> Timeline | None:
    """The timeline of a run as far as it can be read: a result is shown without it, too."""
    try:
        return details_of(deployment, found).read_timeline()
    except RuntimeFault:
        return None


def _put_together(record: RunRecord, spans: bytes) -> bytes:
    """The timeline of a run that has none, from the entries of its list of spans, a line each."""
    found = gather(spans.split(b"\n"))
    commits = [span.committed_at for one in found.invocations for span in one.spans]
    return encode_timeline(
        Timeline(
            run=record.run,
            workflow=record.workflow,
            planner=record.planner,
            sla=record.sla,
            graph_signature=record.run.rpartition("_")[2],
            invoked_at=found.invoked_at or record.launched,
            last_commit=max(commits, default=0.0),
            invocations=found.invocations,
            problems=found.problems,
            link=record.link,
        )
    )


def _in_redis(deployment: Deployment, found: Found) -> dict[str, bytes | None]:
    record = found.entry.record
    with deployment.book(found.redis_url) as book:
        timeline = book.timeline(found.run)
        spans = (
            [] if timeline else book.link.command("LRANGE", RunKeys(deployment.name, found.run).fixed("spans"), 0, -1)
        )
        return {
            "timeline": timeline,
            "spans": b"\n".join(spans),
            "graph": book.blob(record.graph),
            "plan": book.blob(record.plan),
        }


def _in_file(deployment: Deployment, found: Found) -> dict[str, bytes | None]:
    sections = {one.name: one.data for one in read_sections(deployment.folder(found.run) / "record")}
    packed = {name: sections.get(name) for name in ("graph", "plan")}
    spans, timeline = sections.get("spans"), sections.get("timeline")
    signer = deployment.own_trust(found.run).signer
    return {
        "timeline": timeline and open_timeline(signer, deployment.name, found.run, timeline),
        "spans": spans and zlib.decompress(spans),
        **{name: data and unpack_blob(data) for name, data in packed.items()},
    }
