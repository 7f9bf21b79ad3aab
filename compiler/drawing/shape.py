"""What a picture needs to know of a workflow: names, families and edges, from a graph or from the record of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.drawing.view import function_of
from compiler.graph.model import Graph
from runtime.bundle import RunGraph
from runtime.critical_path import CriticalPath, critical_path
from runtime.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """Instances by number. `functions` are those of `families`, "" where nobody knows; `in_edges` as in a `Graph`."""

    name: str
    names: Sequence[str]
    families: Sequence[str]
    functions: Sequence[str]
    family_of: Sequence[int]
    in_edges: Sequence[Sequence[tuple[int, int]]]
    targets: frozenset[int]

    def __len__(self) -> int:
        return len(self.names)

    def path_of(self, timeline: Timeline | None) -> CriticalPath:
        """The critical path of a timeline of this workflow; without one it has no steps."""
        if timeline is None:
            return CriticalPath(steps=())
        producers = {
            name: tuple([self.names[producer] for producer, _ in sources])
            for name, sources in zip(self.names, self.in_edges, strict=True)
        }
        return critical_path(timeline, producers)


def shape_of_graph(graph: Graph) -> Shape:
    return Shape(
        name=graph.name,
        names=[graph.name_of(instance) for instance in range(len(graph))],
        families=[family.task for family in graph.families],
        functions=[function_of(family) for family in graph.families],
        family_of=graph.family_of,
        in_edges=graph.in_edges,
        targets=frozenset(graph.targets),
    )


def shape_of_run(name: str, graph: RunGraph) -> Shape:
    """From what a bundle keeps: a family is what stands before the keys, which no task's name has a bracket of."""
    numbers: dict[str, int] = {}
    family_of = [numbers.setdefault(one.partition("[")[0], len(numbers)) for one in graph.names]
    return Shape(
        name=name,
        names=graph.names,
        families=list(numbers),
        functions=[""] * len(numbers),
        family_of=family_of,
        in_edges=graph.in_edges,
        targets=frozenset(number for number, is_target in enumerate(graph.targets) if is_target),
    )


def depths_of(shape: Shape) -> list[int]:
    """For each instance how many stand before it on the longest chain that ends in it."""
    consumers: list[list[int]] = [[] for _ in range(len(shape))]
    for consumer, sources in enumerate(shape.in_edges):
        for producer, _ in sources:
            consumers[producer].append(consumer)
    missing = [len(sources) for sources in shape.in_edges]
    depth = [0] * len(shape)
    order = [instance for instance, count in enumerate(missing) if not count]
    for instance in order:
        for consumer in consumers[instance]:
            depth[consumer] = max(depth[consumer], depth[instance] + 1)
            missing[consumer] -= 1
            if not missing[consumer]:
                order.append(consumer)
    assert len(order) == len(shape), "an expanded graph has no cycle"
    return depth
