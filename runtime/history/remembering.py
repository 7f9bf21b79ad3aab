"""A run that is over goes into the history: once for each launch, whoever followed it to its end.

A run without spans leaves nothing. What goes wrong here never fails a run: it is a warning of one line.
"""

from __future__ import annotations

import logging

from runtime.bundle import LoadedBundle
from runtime.errors import BundleInvalid, RuntimeFault
from runtime.history.codec import encode_graph
from runtime.history.gathering import Code, history_of, launch_mark
from runtime.history.place import open_history
from runtime.history.store import Head, HistoryStore
from runtime.promise import Promise
from runtime.timeline import Timeline


def code_of(bundle: LoadedBundle) -> Code:
    """What a history needs to know of the code that ran; a unit that is gone weighs nothing."""
    return Code(fingerprints=bundle.graph().fingerprints, code_bytes=sum(_size(bundle, unit) for unit in bundle.units))


def _size(bundle: LoadedBundle, digest: str) -> int:
    try:
        return len(bundle.source.read(digest))
    except BundleInvalid:
        return 0


def remember(store: HistoryStore, timeline: Timeline, code: Code, state: str, promise: Promise | None = None) -> bool:
    """Add one launch; False when it was added before, or there is nothing to add."""
    if not timeline.invocations or not timeline.graph_signature:
        return False
    graph = history_of(timeline, code, state, promise)
    head = Head.of(graph, frozenset(code.fingerprints.values()))
    return store.add(head, launch_mark(timeline), encode_graph(graph))


def remember_quietly(
    deployment: str, redis_url: str | None, timeline: Timeline, bundle: LoadedBundle, state: str
) -> None:
    """`remember` where the deployment's history lies; a fault is a warning."""
    try:
        with open_history(deployment, redis_url) as store:
            remember(store, timeline, code_of(bundle), state, bundle.promise)
    except RuntimeFault as fault:
        logging.getLogger(__name__).warning("warning: the run is not in the history: %s", fault.message)
