"""The graph of a picture: each task a box with its figures, or many of one task in one, as `folding` says.

A box of many says how many, on how many workers, the sums of the bytes, and of the times the shortest, the median and
the longest. Which boxes stand where and how they look is `layout`'s and `svg`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from compiler.drawing.figure_texts import (
    bytes_text,
    first_text,
    memory_text,
    places_text,
    range_text,
    sources_text,
    span_text,
    time_text,
)
from compiler.drawing.figures import TaskFigures
from compiler.drawing.folding import fold
from compiler.drawing.shape import Shape
from compiler.drawing.view import View, ViewEdge, ViewNode

APART = 24
"""Boxes up to which every task has its own."""
MOST_BOXES = 100
"""Boxes up to which tasks of different names have boxes of their own."""
DOT = " \u00b7 "


def task_view(
    shape: Shape, figures: Sequence[TaskFigures], critical: Sequence[str], workers: Mapping[str, int]
) -> View:
    """The boxes and edges.

    `critical` are the instances on the critical path in its order, `workers` numbers the workers for colours and
    patterns.
    """
    groups = fold(shape, APART, MOST_BOXES)
    node_of = [0] * len(shape)
    for number, (_, instances) in enumerate(groups):
        for instance in instances:
            node_of[instance] = number
    boxes = _Boxes(shape=shape, figures=figures, on_path=frozenset(critical), workers=workers)
    return View(
        name=shape.name,
        level="instance",
        nodes=tuple(
            boxes.single(instances[0]) if len(instances) == 1 else boxes.many(name, instances)
            for name, instances in groups
        ),
        edges=_edges(shape, node_of, critical),
        instances=len(shape),
    )


def _edges(shape: Shape, node_of: Sequence[int], critical: Sequence[str]) -> tuple[ViewEdge, ...]:
    counts = Counter(
        (node_of[producer], node_of[consumer])
        for consumer, sources in enumerate(shape.in_edges)
        for producer, _ in sources
    )
    node_named = dict(zip(shape.names, node_of, strict=True))
    path = [node_named[name] for name in critical if name in node_named]
    on_path = set(pairwise(path))
    return tuple(
        ViewEdge(
            producer=producer, consumer=consumer, output="", count=count, is_critical=(producer, consumer) in on_path
        )
        for (producer, consumer), count in counts.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Boxes:
    """Nodes from what is known."""

    shape: Shape
    figures: Sequence[TaskFigures]
    on_path: frozenset[str]
    workers: Mapping[str, int]

    def single(self, one: int) -> ViewNode:
        known = self.figures[one]
        details = (
            f"{known.worker or 'any worker'}{DOT}{memory_text([known.memory_mb])}",
            f"in {bytes_text([known.input_bytes])}{DOT}out {bytes_text([known.output_bytes])}",
            f"at {time_text(known.start_s)}{DOT}takes {time_text(known.exec_s)}",
            sources_text([known]),
        )
        return ViewNode(
            name=self.shape.names[one],
            kind="task",
            function="",
            tooltip=self._functions([one]),
            is_target=one in self.shape.targets,
            is_critical=self.shape.names[one] in self.on_path,
            shade=None,
            worker=self.workers.get(known.worker),
            details=tuple(filter(None, details)),
        )

    def many(self, name: str, instances: Sequence[int]) -> ViewNode:
        known = [self.figures[one] for one in instances]
        places = list(dict.fromkeys(one.worker for one in known))
        critical = [name for name in map(self.shape.names.__getitem__, instances) if name in self.on_path]
        taken, made = bytes_text([one.input_bytes for one in known]), bytes_text([one.output_bytes for one in known])
        details = (
            f"{places_text(places)}{DOT}{memory_text([one.memory_mb for one in known])}",
            f"in {taken}{DOT}out {made}",
            f"at {span_text([one.start_s for one in known])}",
            f"takes {range_text([one.exec_s for one in known])}",
            sources_text(known),
            f"critical: {first_text(critical)}" if critical else "",
        )
        return ViewNode(
            name=name,
            kind="family",
            function="",
            tooltip=self._functions(instances),
            count=len(instances),
            rank=1,
            is_target=not self.shape.targets.isdisjoint(instances),
            is_critical=bool(critical),
            shade=None,
            worker=self.workers.get(places[0]) if len(places) == 1 else None,
            details=tuple(filter(None, details)),
        )

    def _functions(self, instances: Sequence[int]) -> str:
        """What they call, each once."""
        families = dict.fromkeys(self.shape.family_of[one] for one in instances)
        return ", ".join(dict.fromkeys(filter(None, (self.shape.functions[family] for family in families))))
