"""The expanded graph: instances in arrays, edges as integers, a family's instances sharing their options.

A graph of 100,000 instances is ordinary: no object per edge, no recursion, no quadratic step.
Instance numbers are positions in these arrays and mean nothing outside one `Graph`; names do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.diagnostics import Diagnostic, Span
from compiler.graph.merge import TaskSource
from compiler.manifest.model import Call, Exec, Manifest, TaskOptions
from runtime.plan import Key, Value, instance_name

SEPARATOR = "/"
"""Between the name of a task and those of the tasks of the workflow that it inlines: `etl/load`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One task of the manifest after expansion: its instances are `range(first, first + count)`, in iteration order."""

    task: str
    rank: int
    first: int
    count: int
    body: Call | Exec
    span: Span
    outputs: tuple[str, ...] = ()
    dynamic: bool = False
    manifest: Manifest | None = None
    """The manifest that it is written in: an imported one for a task of an inlined workflow, whose `task` is a path."""
    source: TaskSource | None = None
    """What the manifest says of it, merged; None in graphs made without a manifest."""
    handles: str = ""
    """The family whose failures it handles: the first in-edge of each instance is from the one that it belongs to."""
    variables: tuple[str, ...] = ()
    frames: Sequence[tuple[object, ...]] = ()
    """For each instance the values of `variables`, its loops' and, in a copy, its params: shown beside expressions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """All instances and edges of a workflow.

    For instance n: `family_of[n]` is its family's index, `keys[n]` its key path, `args[n]` and `kwargs[n]` its
    bound arguments (`Ref.edge` is a position in `in_edges[n]`), `options[n]` an index into `option_table`.
    `in_edges[n]` are distinct (producer instance, output index or -1) pairs in order of first appearance in
    the arguments, then those of `after` (output -1). `targets` are the instances whose results must be stored: all
    those that `result`/`outputs` name and every sink. `result` is the value tree of `result:` or of `outputs:`
    (a dict), None when the manifest has neither; its `Ref.edge` is a position in `result_edges`.
    `conditions[n]` is the `when` of instance n, for those that have one: its `Ref.edge` is one of theirs, too.
    `unsupported` are the features that `run` refuses (E513).
    """

    name: str
    manifest: Manifest
    families: tuple[Family, ...]
    family_of: Sequence[int]
    keys: Sequence[tuple[Key, ...]]
    args: Sequence[tuple[Value, ...]]
    kwargs: Sequence[Mapping[str, Value]]
    in_edges: Sequence[tuple[tuple[int, int], ...]]
    options: Sequence[int]
    option_table: tuple[TaskOptions, ...]
    targets: tuple[int, ...]
    conditions: Mapping[int, Value] = field(default_factory=dict)
    result: Value = None
    result_edges: tuple[tuple[int, int], ...] = ()
    result_kind: str = "sinks"
    """ "result", "outputs", or "sinks" when the manifest names neither: then every sink's value, by instance name."""
    params: Mapping[str, object] = field(default_factory=dict)
    let: Mapping[str, object] = field(default_factory=dict)
    unsupported: tuple[tuple[str, Span], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def manifests(self) -> tuple[Manifest, ...]:
        """The main manifest, and those of the workflows that are inlined, each once."""
        found = {id(self.manifest): self.manifest}
        found.update((id(family.manifest), family.manifest) for family in self.families if family.manifest is not None)
        return tuple(found.values())

    def name_of(self, instance: int) -> str:
        return instance_name(self.families[self.family_of[instance]].task, self.keys[instance])

    def option_of(self, instance: int) -> TaskOptions:
        return self.option_table[self.options[instance]]

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Every edge as (producer, output index or -1, consumer), by consumer."""
        for consumer, sources in enumerate(self.in_edges):
            for producer, output in sources:
                yield producer, output, consumer

    def consumers(self) -> list[list[tuple[int, int]]]:
        """For each instance its out-edges as (output index or -1, consumer), in order of consumer."""
        table: list[list[tuple[int, int]]] = [[] for _ in range(len(self))]
        for producer, output, consumer in self.edges():
            table[producer].append((output, consumer))
        return table

    def producer_names(self) -> dict[str, tuple[str, ...]]:
        """By the name of each instance those of the instances that it takes inputs from."""
        names = [self.name_of(instance) for instance in range(len(self))]
        return {
            name: tuple([names[producer] for producer, _ in sources])
            for name, sources in zip(names, self.in_edges, strict=True)
        }
