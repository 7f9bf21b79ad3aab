"""Which features of one instance are checked and planned, but not executed yet."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.diagnostics import Span
from compiler.graph.model import Graph
from compiler.graph.provenance import Fact


def waiting_features(graph: Graph, instance: int, facts: Sequence[Fact]) -> tuple[str, ...]:
    """The features that `run` refuses (E513) among those that this instance's values use, by name."""
    source = graph.families[graph.family_of[instance]].source
    spans = [(fact.path.partition("[")[0], fact.span) for fact in facts if fact.span is not None]
    loops = [entry.iterable.span for entry in source.task.foreach] if source else []
    bodies = [source.body.span] if source else []
    return tuple(
        dict.fromkeys(
            name
            for name, span in graph.unsupported
            if span in loops or span in bodies or any(_is_of(name, span, path, place) for path, place in spans)
        )
    )


def _is_of(feature: str, key: Span, path: str, value: Span) -> bool:
    """Whether a value stands behind the key, on its line or the next."""
    is_named = path == feature or path.startswith(f"{feature}.")
    return is_named and key.file == value.file and 0 <= value.start.line - key.start.line <= 1
