"""What flows through a graph: the bytes that each task reads, and the size of each of its outputs.

Sizes go through the graph from its roots, so that every task is looked at with the bytes that it would get. What the
history knows of a function counts, the manifest's `io` beside it, else a default. Times are the business of others, and
so is numpy, which is not loaded for this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

from compiler.graph.depth_first import depth_first_order
from compiler.graph.model import Graph
from compiler.predict.sizes import Size, hinted_bytes, predict_size
from runtime.history.records import FamilyHistory
from runtime.plan import iter_refs

BYTES_STEP = 1.5
"""Tasks whose input bytes differ by less than this factor are predicted alike."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """`input_bytes[n]` is what instance n reads, `sizes[n]` its outputs in order (one, when it has no named ones)."""

    graph: Graph
    input_bytes: Sequence[int]
    sizes: Sequence[tuple[Size, ...]]

    def bytes_of(self, instance: int, output: int) -> int:
        """The size of an output (-1: the only one, or all of them)."""
        return _edge_bytes(self.sizes[instance], output)

    def known_input_bytes(self, instance: int) -> int | None:
        """None where one of the inputs has a size that nobody knows."""
        for producer, output in self.graph.in_edges[instance]:
            sizes = self.sizes[producer]
            if not all(size.is_known for size in (sizes if output < 0 else (sizes[output],))):
                return None
        return self.input_bytes[instance]

    def known_output_bytes(self, instance: int) -> int | None:
        """Of all outputs; None where nobody knows one of them."""
        sizes = self.sizes[instance]
        return sum(size.bytes for size in sizes) if all(size.is_known for size in sizes) else None


def flow_through(graph: Graph, known: Sequence[Mapping[str, FamilyHistory]]) -> Flow:
    """`known` are by family the executions that speak for it, by class of environments."""
    input_bytes = [0] * len(graph)
    sizes: list[tuple[Size, ...]] = [()] * len(graph)
    cache: dict[tuple[int, int, int, int], tuple[Size, ...]] = {}
    for instance in depth_first_order(graph):
        family = graph.family_of[instance]
        arriving = [_edge_bytes(sizes[producer], output) for producer, output in graph.in_edges[instance]]
        input_bytes[instance] = total = sum(arriving)
        counted = sum(arriving[edge] for edge in counted_edges(graph, instance))
        key = family, graph.options[instance], step_of(total), step_of(counted)
        if key not in cache:
            cache[key] = _outputs(graph, instance, known[family], total, counted)
        sizes[instance] = cache[key]
    return Flow(graph=graph, input_bytes=input_bytes, sizes=sizes)


def _outputs(
    graph: Graph, instance: int, families: Mapping[str, FamilyHistory], total: int, counted: int
) -> tuple[Size, ...]:
    names = graph.families[graph.family_of[instance]].outputs or ("",)
    hint = graph.option_of(instance).io
    hinted = None if hint is None else hinted_bytes(hint, counted)
    return tuple([predict_size(families, name, hinted, total) for name in names])


def counted_edges(graph: Graph, instance: int) -> Iterable[int]:
    """The in-edges whose bytes an `io` hint counts: all, or those of the arguments that its `of` names.

    Arguments of `args` have their names in the function alone, which a graph does not have: a name that is none of
    `with` stands for all of them.
    """
    hint = graph.option_of(instance).io
    if hint is None or not hint.of:
        return range(len(graph.in_edges[instance]))
    given = graph.kwargs[instance]
    values = [given[name] for name in hint.of if name in given]
    if any(name not in given for name in hint.of):
        values += graph.args[instance]
    return sorted({edge for value in values for ref in iter_refs(value) for edge in ref.edges})


def _edge_bytes(sizes: tuple[Size, ...], output: int) -> int:
    return sum(size.bytes for size in sizes) if output < 0 else sizes[output].bytes


def step_of(size: int) -> int:
    """The number of the step that so many bytes lie on."""
    return 0 if size < 1 else 1 + round(log(size) / log(BYTES_STEP))


def bytes_of_step(step: int) -> float:
    return 0.0 if not step else float(BYTES_STEP ** (step - 1))
