"""From a graph and a plan to task records: which page or SubDag holds each, and every edge at both its ends.

A flexible task's record lies in exactly one page, a pinned one's in its worker's SubDag. Pages are cut along
the plan's order, so that a subtree lies in one page or in neighbouring ones. An out-edge carries the page of
its consumer: that number is the index rule by which a worker finds the next page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import dirname, relpath
from pathlib import PurePath

from compiler.emit.literals import Literals
from compiler.emit.secrets import SecretUse
from compiler.graph.merge import FILES
from compiler.graph.model import Family, Graph
from compiler.manifest.model import ErrorPolicy
from compiler.planner.model import FLEXIBLE, Plan
from runtime.pages import encode_subdag, value_text
from runtime.plan import FAIL, Function, Gate, InEdge, OnError, OutEdge, Task, Value

PAGE_BYTES = 4096
"""A page is cut before it would exceed this; one record that is larger has a page of its own."""

NO_OWN: Mapping[int, Function] = {}

_TABLE_BYTES = 700
_FUNCTION_BYTES = 160
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
    graph: Graph,
    plan: Plan,
    *,
    names: Sequence[str],
    functions: Sequence[Function],
    literals: Literals,
    own: Mapping[int, Function] = NO_OWN,
    gates: Sequence[Gate | None] = (),
) -> Layout:
    """Encode every record of the plan; `names` are by instance, `functions` by family.

    `own` are the functions of single instances, commands whose `files` have values of their own; `gates` are by
    instance, none at all when no family has one.
    """
    records = Records(graph, plan, names=names, functions=functions, literals=literals, own=own, gates=gates)
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
    """Makes the record of any instance, from one column per field."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        *,
        names: Sequence[str],
        functions: Sequence[Function],
        literals: Literals,
        own: Mapping[int, Function] = NO_OWN,
        gates: Sequence[Gate | None] = (),
    ) -> None:
        self.gates = gates or [None] * len(graph)
        self.graph = graph
        self.own = own
        self.plan = plan
        self.functions = functions
        self.names = names
        self.name_bytes = [len(name) + _QUOTES_BYTES for name in names]
        self.consumers = graph.consumers()
        self.needs = list(map(len, graph.in_edges))
        self.workers = [plan.worker_name(instance) for instance in range(len(graph))]
        self.envs = [plan.env(instance) for instance in range(len(graph))]
        self.page_of = [-1] * len(graph)
        self.args = [literals.args(args) for args in graph.args]
        self.kwargs = [literals.kwargs(kwargs) if kwargs else kwargs for kwargs in graph.kwargs]
        for instance in own:
            self.kwargs[instance] = {name: value for name, value in self.kwargs[instance].items() if name != FILES}
        self.conditions = {instance: literals.value(value) for instance, value in graph.conditions.items()}
        self.remedies = [_remedy(option.on_error, literals) for option in graph.option_table]
        self.targets = frozenset(graph.targets)
        self.secrets = SecretUse(graph)
        self.files = [_file(graph, family) for family in graph.families]

    def task(self, instance: int) -> Task:
        """The record of one instance, with the pages as they are known now."""
        graph = self.graph
        family = graph.families[graph.family_of[instance]]
        option = graph.option_table[graph.options[instance]]
        return Task(
            name=self.names[instance],
            function=self.own.get(instance) or self.functions[graph.family_of[instance]],
            env=self.envs[instance],
            args=self.args[instance],
            kwargs=self.kwargs[instance],
            in_edges=self._in_edges(instance),
            out_edges=self._out_edges(instance, family.outputs),
            outputs=family.outputs,
            worker=self.workers[instance],
            page=self.page_of[instance],
            is_target=instance in self.targets,
            is_idempotent=option.is_idempotent,
            gate=self.gates[instance],
            retry=option.repetition,
            timeout_s=option.timeout_s,
            line=family.span.start.line,
            file=self.files[graph.family_of[instance]],
            environ=option.environ,
            on_error=self.remedies[graph.options[instance]],
            is_handler=bool(family.handles),
            when=self.conditions.get(instance, True),
            has_secrets=self.secrets.has(instance),
        )

    def _in_edges(self, instance: int) -> tuple[InEdge, ...]:
        names, workers = self.names, self.workers
        return tuple(
            [
                InEdge(
                    producer=names[producer],
                    output=None if output < 0 else self._outputs(producer)[output],
                    worker=workers[producer],
                )
                for producer, output in self.graph.in_edges[instance]
            ]
        )

    def _out_edges(self, instance: int, outputs: Sequence[str]) -> tuple[OutEdge, ...]:
        return tuple(
            [
                OutEdge(
                    consumer=self.names[consumer],
                    need=self.needs[consumer],
                    env=self.envs[consumer],
                    output=None if output < 0 else outputs[output],
                    worker=self.workers[consumer],
                    page=self.page_of[consumer],
                    gate=self.gates[consumer],
                )
                for output, consumer in self.consumers[instance]
            ]
        )

    def _outputs(self, instance: int) -> Sequence[str]:
        return self.graph.families[self.graph.family_of[instance]].outputs


def _remedy(policy: ErrorPolicy, literals: Literals) -> OnError:
    if policy.action == FAIL.action:
        return FAIL
    return OnError(action=policy.action, value=literals.value(json.loads(policy.value)))


def _file(graph: Graph, family: Family) -> str:
    """The file that a task is written in, from the folder of the main manifest; "" for the main one itself."""
    main, file = graph.manifest.source.file, family.span.file
    return "" if file == main else PurePath(relpath(file, dirname(main) or ".")).as_posix()


def cut_pages(records: Records, *, page_bytes: int = PAGE_BYTES) -> list[list[int]]:
    """The flexible instances in the plan's order, cut where the estimated size of a page would exceed `page_bytes`."""
    worker_of = records.plan.worker_of
    groups: list[list[int]] = []
    group: list[int] = []
    seen: set[object] = set()
    size = _TABLE_BYTES
    for instance in records.plan.order:
        if worker_of[instance] != FLEXIBLE:
            continue
        parts = _parts(records, instance)
        fixed = _fixed_bytes(records, instance)
        more = fixed + sum([length for part, length in parts.items() if part not in seen])
        if group and size + more > page_bytes:
            groups.append(group)
            group, seen, size = [], set(), _TABLE_BYTES
            more = fixed + sum(parts.values())
        group.append(instance)
        seen.update(parts)
        size += more
    if group:
        groups.append(group)
    return groups


def _fixed_bytes(records: Records, instance: int) -> int:
    edges = records.needs[instance] + len(records.consumers[instance])
    return _RECORD_BYTES + _EDGE_BYTES * edges


def _parts(records: Records, instance: int) -> dict[object, int]:
    """What a record adds to the tables of its page unless it stands there already, with its length."""
    name_bytes = records.name_bytes
    parts: dict[object, int] = {instance: name_bytes[instance]}
    if instance in records.own:
        parts[records.own[instance]] = _FUNCTION_BYTES
    for producer, _ in records.graph.in_edges[instance]:
        parts[producer] = name_bytes[producer]
    for _, consumer in records.consumers[instance]:
        parts[consumer] = name_bytes[consumer]
    for value in records.args[instance]:
        _add_value(parts, value)
    for item in records.kwargs[instance].items():
        _add_value(parts, item)
    if instance in records.conditions:
        _add_value(parts, ("when", records.conditions[instance]))
    return parts


def _add_value(parts: dict[object, int], value: Value | tuple[str, Value]) -> None:
    if isinstance(value, (str, list, tuple, dict)):
        text = value_text(value)
        parts[text] = len(text)
    else:
        parts[value,] = _SCALAR_BYTES
