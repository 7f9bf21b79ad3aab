"""Histories for the command line to read: as if the tasks of a manifest had run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from compiler.emit.signature import graph_signature
from compiler.pipeline import CompileOptions, plan_workflow
from runtime.config import LocalSettings
from runtime.history.codec import encode_graph
from runtime.history.place import open_history
from runtime.history.records import GraphHistory
from runtime.history.store import Head
from tests.predict.histories import environment, family

ENV = "1769-x86_64-py311-none"
Change = Callable[[bytes], bytes]


def remember(
    manifest: Path,
    runs: Mapping[str, Sequence[Sequence[float]]],
    *,
    signature: str = "",
    fingerprints: Mapping[str, str] | None = None,
    change: Change = bytes,
) -> None:
    """The tasks in `runs` took these seconds, run after run, and gave 1,000 bytes; `change` is made to what is kept."""
    planned = plan_workflow(manifest, CompileOptions(planner="simple"))
    graph, marks = planned.graph, planned.collect().fingerprints
    known = {one.task: mark for one, mark in zip(graph.families, marks, strict=True)} | dict(fingerprints or {})
    names = [graph.name_of(instance) for instance in range(len(graph))]
    history = GraphHistory(
        signature=signature or graph_signature(graph, names, marks),
        workflow=graph.name,
        families={
            (task, ENV): family(seconds, output=[(1000, 1000)] * 8, fingerprint=known[task])
            for task, seconds in runs.items()
        },
        environments={ENV: environment(1769)},
        states={"succeeded": max(map(len, runs.values()))},
        seen_at=1.0,
    )
    local = LocalSettings()
    with open_history(local.deployment, local.redis_url) as store:
        store.add(Head.of(history), "mark", change(encode_graph(history)))
