"""Manifests for tests, from text; graphs as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from compiler.diagnostics import Diagnostic, ManifestError, Severity
from compiler.graph.expand import DEFAULT_MAX_INSTANCES, expand
from compiler.graph.model import Graph
from compiler.manifest.model import Manifest, Source
from compiler.manifest.parse import check_manifest
from runtime.plan import Condition, Ref, Value

HEAD = "spec: 1\nname: t\n"


def manifest_of(text: str) -> Manifest:
    """A manifest whose text begins after `spec` and `name` (lines 1 and 2); its structure must be sound."""
    source = Source(file="workflow.yaml", text=HEAD + dedent(text).lstrip("\n"), root=Path())
    manifest, found = check_manifest(source)
    errors = [diagnostic for diagnostic in found if diagnostic.severity is Severity.ERROR]
    assert manifest is not None and not errors, errors
    return manifest


def graph_of(
    text: str, set_values: Mapping[str, object] | None = None, *, max_instances: int = DEFAULT_MAX_INSTANCES
) -> Graph:
    return expand(manifest_of(text), set_values, max_instances=max_instances)


def mistakes(
    text: str, set_values: Mapping[str, object] | None = None, *, max_instances: int = DEFAULT_MAX_INSTANCES
) -> list[Diagnostic]:
    """The errors of a manifest, or the warnings of one without errors, by place."""
    try:
        found = graph_of(text, set_values, max_instances=max_instances).warnings
    except ManifestError as err:
        found = tuple(one for one in err.diagnostics if one.severity is Severity.ERROR)
    return sorted(
        found, key=lambda one: (one.span is not None and (one.span.start.line, one.span.start.column), one.code)
    )


def codes(
    text: str, set_values: Mapping[str, object] | None = None, *, max_instances: int = DEFAULT_MAX_INSTANCES
) -> list[tuple[str, int]]:
    """Code and line (0: the command line) of each mistake."""
    found = mistakes(text, set_values, max_instances=max_instances)
    return [(one.code, one.span.start.line if one.span else 0) for one in found]


def listing(graph: Graph) -> str:
    """One line for each instance: what it is called with, references by the name of what they refer to."""
    return "\n".join(line_of(graph, instance) for instance in range(len(graph)))


def result_of(graph: Graph) -> str:
    return _value(graph, graph.result, graph.result_edges)


def line_of(graph: Graph, instance: int) -> str:
    """What one instance is called with."""
    edges = graph.in_edges[instance]
    shown = [_value(graph, value, edges) for value in graph.args[instance]]
    shown += [f"{name}={_value(graph, value, edges)}" for name, value in graph.kwargs[instance].items()]
    values = (*graph.args[instance], *graph.kwargs[instance].values(), graph.conditions.get(instance))
    named = {name for value in values for name in _edges(value)}
    after = [_edge(graph, edge) for at, edge in enumerate(edges) if at not in named]
    suffix = f" after {', '.join(after)}" if after else ""
    when = graph.conditions.get(instance, True)
    suffix += "" if when is True else f" when {_value(graph, when, edges)}"
    return f"{graph.name_of(instance)}({', '.join(shown)}){suffix}"


def _edges(value: Value) -> set[int]:
    match value:
        case Ref():
            return {*value.edges}
        case Condition(operands=operands):
            return {edge for item in operands for edge in _edges(item)}
        case list():
            return {edge for item in value for edge in _edges(item)}
        case dict():
            return {edge for item in value.values() for edge in _edges(item)}
        case _:
            return set()


def _value(graph: Graph, value: Value, edges: tuple[tuple[int, int], ...]) -> str:
    match value:
        case Ref(path=path):
            sources = " else ".join(_edge(graph, edges[edge]) for edge in value.edges)
            return f"<{sources}{''.join(f'.{key}' for key in path)}>"
        case Condition(operator=operator, operands=operands):
            return f"({' '.join([operator, *(_value(graph, item, edges) for item in operands)])})"
        case list():
            return f"[{', '.join(_value(graph, item, edges) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{name}: {_value(graph, item, edges)}" for name, item in value.items()) + "}"
        case _:
            return repr(value)


def _edge(graph: Graph, edge: tuple[int, int]) -> str:
    producer, output = edge
    name = graph.name_of(producer)
    return f"{name}.{graph.families[graph.family_of[producer]].outputs[output]}" if output >= 0 else name
