"""Why one instance waits for another: a shortest chain of edges between them, each with what in the manifest makes it.

Linear in instances and edges, whatever the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from compiler.diagnostics import Span
from compiler.graph.model import Graph
from compiler.graph.provenance import Fact, Provenance
from runtime.plan import iter_refs


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One edge of a chain. `path` is the value of the consumer that needs the producer, or `after`, or `when`."""

    producer: int
    output: int
    consumer: int
    path: str
    span: Span | None
    expression: str = ""


def find_path(graph: Graph, producers: Collection[int], consumers: Collection[int]) -> tuple[int, ...]:
    """A shortest chain from one of `producers` to another instance among `consumers`; empty when there is none."""
    wanted = frozenset(producers)
    next_of: dict[int, int] = {}
    queue = deque(consumers)
    starts = frozenset(consumers)
    while queue:
        consumer = queue.popleft()
        for producer, _ in graph.in_edges[consumer]:
            if producer in next_of or (producer in starts and producer not in wanted):
                continue
            next_of[producer] = consumer
            if producer in wanted:
                return _chain(producer, next_of, starts)
            queue.append(producer)
    return ()


def _chain(producer: int, next_of: dict[int, int], ends: frozenset[int]) -> tuple[int, ...]:
    path = [producer, next_of[producer]]
    while path[-1] not in ends:
        path.append(next_of[path[-1]])
    return tuple(path)


def links_of(graph: Graph, path: tuple[int, ...]) -> tuple[Link, ...]:
    """The edges along a chain."""
    provenance = Provenance(graph)
    return tuple(_link(graph, provenance, producer, consumer) for producer, consumer in pairwise(path))


def _link(graph: Graph, provenance: Provenance, producer: int, consumer: int) -> Link:
    edges = {at: edge for at, edge in enumerate(graph.in_edges[consumer]) if edge[0] == producer}
    facts = provenance.needs_of(consumer)
    for fact in sorted(facts, key=lambda fact: not fact.is_part):
        for ref in iter_refs(fact.value):
            for edge in ref.edges:
                if edge in edges:
                    return _of(fact, producer, edges[edge][1], consumer)
    task = graph.families[graph.family_of[producer]].task
    after = [fact for fact in facts if fact.path.startswith("after[") and fact.value == task]
    for fact in (*after, *(fact for fact in facts if fact.path == "when")):
        return _of(fact, producer, next(iter(edges.values()))[1], consumer)
    family = graph.families[graph.family_of[consumer]]
    return Link(producer=producer, output=-1, consumer=consumer, path="", span=family.span)


def _of(fact: Fact, producer: int, output: int, consumer: int) -> Link:
    path = fact.path.partition("[")[0] if fact.path.startswith("after[") else fact.path
    return Link(
        producer=producer, output=output, consumer=consumer, path=path, span=fact.span, expression=fact.expression
    )
