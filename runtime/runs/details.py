"""What the record of a run holds beside its start and its end: timeline, graph and plan, wherever the run lies.

They are read only when one run is shown: a list of runs does without. What is not there is None: a run that began and
measured nothing, a graph that Redis has lost.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from runtime.bundle import RunGraph, read_run_graph
from runtime.runs.archive import read_sections
from runtime.runs.finding import Deployment, Found
from runtime.runs.record import open_timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The bytes of a run's details, opened: JSON each."""

    timeline: bytes | None
    graph: bytes | None
    plan: bytes | None

    def run_graph(self) -> RunGraph | None:
        """The graph with its plan. Raises `BundleInvalid`, `SchemaVersionUnsupported` (E605)."""
        return None if self.graph is None or self.plan is None else read_run_graph(self.graph, self.plan)


def details_of(deployment: Deployment, found: Found) -> Details:
    """Raises `SignatureInvalid` (E606) for what this deployment did not sign, StoreUnavailable, OSError."""
    record, trust = found.entry.record, deployment.trust(found.entry.record)
    sealed = _in_redis(deployment, found) if found.redis_url else _in_file(deployment, found)
    timeline, graph, plan = (sealed.get(name) for name in ("timeline", "graph", "plan"))
    return Details(
        timeline=timeline and open_timeline(trust.signer, deployment.name, found.run, timeline),
        graph=graph and trust.open_blob(record.graph, graph),
        plan=plan and trust.open_blob(record.plan, plan),
    )


def _in_redis(deployment: Deployment, found: Found) -> dict[str, bytes | None]:
    record = found.entry.record
    with deployment.book(found.redis_url) as book:
        return {
            "timeline": book.timeline(found.run),
            "graph": book.blob(record.graph),
            "plan": book.blob(record.plan),
        }


def _in_file(deployment: Deployment, found: Found) -> dict[str, bytes | None]:
    sections = {one.name: one.data for one in read_sections(deployment.folder(found.run) / "record")}
    packed = {name: sections.get(name) for name in ("graph", "plan")}
    return {
        "timeline": sections.get("timeline"),
        **{name: data and zlib.decompress(data) for name, data in packed.items()},
    }
