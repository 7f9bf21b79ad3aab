"""From a graph and a plan to task records: which page or SubDag holds each, and every edge at both its ends.

A flexible task's record lies in exactly one page, a pinned one's in its worker's SubDag. Pages are cut along
the plan's order, so that a subtree lies in one page or in neighbouring ones. An out-edge carries the page of
its consumer: that number is the index rule by which a worker finds the next page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.emit.literals import Literals
from compiler.graph.model import Graph
from compiler.planner.model import FLEXIBLE, Plan
from runtime.pages import dumps, encode_subdag, encode_value
from runtime.plan import Function, InEdge, OutEdge, Task

PAGE_BYTES = 4096
"""A page is cut before it would exceed this; one record that is larger has a page of its own."""

_TABLE_BYTES = 700
_RECORD_BYTES = 14
_EDGE_BYTES = 5
_QUOTES_BYTES = 3
_SCALAR_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The encoded records. `page_of[n]` is -1 for a pinned task; `subdags` are by worker id, `pages` by number."""

    page_of: Sequence[int]
    pages: tuple[bytes, ...]
    subdags: Mapping[str, bytes]


def lay_out(
    graph: Graph, plan: Plan, *, names: Sequence[str], functions: Sequence[Function], literals: Literals
) -> Layout:
    """Encode every record of the plan; `names` are by instance, `functions` by family."""
    records = Records(graph, plan, names=names, functions=functions, literals=literals)
    groups = cut_pages(records)
    for number, group in enumerate(groups):
        for instance in group:
            records.page_of[instance] = number
    members: list[list[int]] = [[] for _ in plan.workers]
    for instance in plan.order:
        if plan.worker_of[instance] != FLEXIBLE:
            members[plan.worker_of[instance]].append(instance)
    return Layout(
        page_of=records.page_of,
        pages=tuple(encode_subdag(map(records.task, group)) for group in groups),
        subdags={
            worker: encode_subdag(map(records.task, group)) for worker, group in zip(plan.workers, members, strict=True)
        },
    )


class Records:
    """Makes the record of any instance."""

    def __init__(
        self, graph: Graph, plan: Plan, *, names: Sequence[str], functions: Sequence[Function], literals: Literals
    ) -> None:
        self.graph = graph
        self.plan = plan
        self.functions = functions
        self.names = names
        self.consumers = graph.consumers()
        self.page_of = [-1] * len(graph)
        self.args = [literals.args(args) for args in graph.args]
        self.kwargs = [literals.kwargs(kwargs) for kwargs in graph.kwargs]
        self.targets = frozenset(graph.targets)

    def task(self, instance: int) -> Task:
        """The record of one instance, with the pages as they are known now."""
        graph, plan = self.graph, self.plan
        family = graph.families[graph.family_of[instance]]
        option = graph.option_of(instance)
        return Task(
            name=self.names[instance],
            function=self.functions[graph.family_of[instance]],
            env=plan.env(instance),
            args=self.args[instance],
            kwargs=self.kwargs[instance],
            in_edges=tuple(self._in_edge(producer, output) for producer, output in graph.in_edges[instance]),
            out_edges=tuple(
                self._out_edge(instance, output, consumer) for output, consumer in self.consumers[instance]
            ),
            outputs=family.outputs,
            worker=plan.worker_name(instance),
            page=self.page_of[instance],
            is_target=instance in self.targets,
            retry=option.retry,
            timeout_s=option.timeout_s,
            line=family.span.start.line,
        )

    def output_name(self, producer: int, output: int) -> str | None:
        """The name of an output by its index, None for the whole value (-1)."""
        return None if output < 0 else self.graph.families[self.graph.family_of[producer]].outputs[output]

    def _in_edge(self, producer: int, output: int) -> InEdge:
        return InEdge(
            producer=self.names[producer],
            output=self.output_name(producer, output),
            worker=self.plan.worker_name(producer),
        )

    def _out_edge(self, producer: int, output: int, consumer: int) -> OutEdge:
        return OutEdge(
            consumer=self.names[consumer],
            need=len(self.graph.in_edges[consumer]),
            env=self.plan.env(consumer),
            output=self.output_name(producer, output),
            worker=self.plan.worker_name(consumer),
            page=self.page_of[consumer],
        )


def cut_pages(records: Records, *, page_bytes: int = PAGE_BYTES) -> list[list[int]]:
    """The flexible instances in the plan's order, cut where the estimated size of a page would exceed `page_bytes`."""
    plan = records.plan
    groups: list[list[int]] = []
    group: list[int] = []
    seen: set[object] = set()
    size = _TABLE_BYTES
    for instance in plan.order:
        if plan.worker_of[instance] != FLEXIBLE:
            continue
        parts = dict(_parts(records, instance))
        more = _fixed_bytes(records, instance) + sum(length for part, length in parts.items() if part not in seen)
        if group and size + more > page_bytes:
            groups.append(group)
            group, seen, size = [], set(), _TABLE_BYTES
            more = _fixed_bytes(records, instance) + sum(parts.values())
        group.append(instance)
        seen.update(parts)
        size += more
    if group:
        groups.append(group)
    return groups


def _fixed_bytes(records: Records, instance: int) -> int:
    edges = len(records.graph.in_edges[instance]) + len(records.consumers[instance])
    return _RECORD_BYTES + _EDGE_BYTES * edges


def _parts(records: Records, instance: int) -> Iterator[tuple[object, int]]:
    """What a record adds to the tables of its page unless it stands there already, with its length."""
    neighbours = [producer for producer, _ in records.graph.in_edges[instance]]
    neighbours += [consumer for _, consumer in records.consumers[instance]]
    for neighbour in (instance, *neighbours):
        yield neighbour, len(records.names[neighbour]) + _QUOTES_BYTES
    for value in (*records.args[instance], *records.kwargs[instance].items()):
        if isinstance(value, (str, list, tuple, dict)):
            text = dumps(encode_value(list(value) if isinstance(value, tuple) else value))
            yield text, len(text)
        else:
            yield (value,), _SCALAR_BYTES
