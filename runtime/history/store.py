"""Where histories lie, as whoever reads and adds sees it: documents by graph signature, each counted once.

A graph's history is a short list of documents that merge: what runs have added, and at times all of them folded into
one. Adding is one append, so launchers that end together never wait for each other and a crash loses one run's samples
at most. Two stores: `runtime.history.redis_store` and `runtime.history.file_store`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from runtime.history.codec import HistoryNewer, HistoryOlder, HistoryUnreadable, decode_graph, encode_graph
from runtime.history.records import GraphHistory, merge_graphs

FOLD_AT = 16
"""Documents of a graph that are folded into one."""

KEPT_GRAPHS = 200
"""Graphs of a deployment whose history is kept, those that ran last; every change of a workflow makes a new one."""

KEPT_MARKS = 512
SHORT = 16
"""Digits of a fingerprint in a head."""

Rewrite = Callable[[Sequence[bytes]], Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known of a graph's history without reading it.

    `functions` are the fingerprints of its tasks, shortened; a run that failed early knows fewer: the most count.
    """

    signature: str
    workflow: str
    seen_at: float
    functions: frozenset[str]

    @classmethod
    def of(cls, graph: GraphHistory, fingerprints: frozenset[str] | None = None) -> Head:
        """`fingerprints` are those of all tasks, where they are known."""
        functions = frozenset(fingerprint[:SHORT] for fingerprint in fingerprints or graph.fingerprints)
        return cls(signature=graph.signature, workflow=graph.workflow, seen_at=graph.seen_at, functions=functions)


class HistoryStore(Protocol):
    """The histories of one deployment. Every method raises RuntimeFault when the place cannot be used."""

    @property
    def where(self) -> str:
        """The place, in words."""
        ...

    def heads(self) -> list[Head]:
        """Every graph, the one that ran last first."""
        ...

    def add(self, head: Head, mark: str, data: bytes) -> bool:
        """Add a document; False when `mark` was counted before, and nothing is changed."""
        ...

    def read(self, signature: str) -> tuple[bytes, ...]:
        """The documents of a graph, oldest first."""
        ...

    def rewrite(self, signature: str, change: Rewrite) -> None:
        """Put other documents in place of those of a graph; what is added meanwhile stays."""
        ...

    def remove(self, signature: str) -> None:
        """Forget a graph."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """Documents that were read: what could be, `newer` ones as they are, and how many are older or damaged."""

    graphs: tuple[GraphHistory, ...]
    newer: tuple[bytes, ...] = ()
    older: int = 0
    damaged: int = 0

    @classmethod
    def of(cls, signature: str, documents: Sequence[bytes]) -> Documents:
        """A document of another graph is as good as damaged."""
        with uncollected():
            return cls._of(signature, documents)

    @classmethod
    def _of(cls, signature: str, documents: Sequence[bytes]) -> Documents:
        graphs: list[GraphHistory] = []
        newer: list[bytes] = []
        older = 0
        for data in documents:
            try:
                graphs.append(decode_graph(data))
            except HistoryNewer:
                newer.append(data)
            except HistoryOlder:
                older += 1
            except HistoryUnreadable:
                continue
        own = tuple(graph for graph in graphs if graph.signature == signature)
        damaged = len(documents) - len(own) - len(newer) - older
        return cls(graphs=own, newer=tuple(newer), older=older, damaged=damaged)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for garbage, which take half of the time: 100,000 objects are made, and all of them are kept."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def folded(signature: str, change: Callable[[GraphHistory], GraphHistory] = lambda graph: graph) -> Rewrite:
    """What folds the documents of a graph into one, changed; newer ones stay as they are, older and damaged ones go."""

    def fold(documents: Sequence[bytes]) -> Sequence[bytes]:
        with uncollected():
            found = Documents.of(signature, documents)
            merged = (encode_graph(change(merge_graphs(found.graphs))),) if found.graphs else ()
            return (*merged, *found.newer)

    return fold


def is_long(documents: int) -> bool:
    """Whether a graph with so many documents is folded now."""
    return documents > 0 and documents % FOLD_AT == 0
