"""The graph to look at: networkx views, the critical path, and exports to DOT, Mermaid and JSON.

At level "template" a family is one node and an edge counts the instance edges it stands for; at level "instance"
every instance is a node. networkx is imported when it is asked for: compiling does not need it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call
from compiler.manifest.tree import ScalarNode

if TYPE_CHECKING:
    import networkx as nx

LEVELS = ("template", "instance")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewNode:
    """A node of a drawing: its identity, what stands in it, and how many instances it is."""

    name: str
    label: str
    function: str
    count: int
    is_family: bool
    is_target: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewEdge:
    """An edge of a drawing between two nodes by position; `count` instance edges, of the named output or ""."""

    producer: int
    consumer: int
    output: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is drawn at one level."""

    name: str
    level: str
    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]


def view(graph: Graph, level: str = "template") -> View:
    """The nodes and edges of a graph at a level of `LEVELS`."""
    assert level in LEVELS, f"no level {level}"
    if level == "instance":
        return View(name=graph.name, level=level, nodes=_instance_nodes(graph), edges=tuple(_instance_edges(graph)))
    return View(name=graph.name, level=level, nodes=_family_nodes(graph), edges=tuple(_family_edges(graph)))


def _instance_nodes(graph: Graph) -> tuple[ViewNode, ...]:
    targets = frozenset(graph.targets)
    found = []
    for instance in range(len(graph)):
        family = graph.families[graph.family_of[instance]]
        name = graph.name_of(instance)
        found.append(
            ViewNode(
                name=name,
                label=name,
                function=_function(family),
                count=1,
                is_family=False,
                is_target=instance in targets,
            )
        )
    return tuple(found)


def _instance_edges(graph: Graph) -> Iterator[ViewEdge]:
    for producer, output, consumer in graph.edges():
        yield ViewEdge(producer=producer, consumer=consumer, output=_output(graph, producer, output), count=1)


def _family_nodes(graph: Graph) -> tuple[ViewNode, ...]:
    targets = {graph.family_of[instance] for instance in graph.targets}
    return tuple(
        ViewNode(
            name=family.task,
            label=family.task + _width(family),
            function=_function(family),
            count=family.count,
            is_family=family.rank > 0,
            is_target=number in targets,
        )
        for number, family in enumerate(graph.families)
    )


def _family_edges(graph: Graph) -> Iterator[ViewEdge]:
    counts: dict[tuple[int, int, str], int] = {}
    for source, index, sink in graph.edges():
        key = graph.family_of[source], graph.family_of[sink], _output(graph, source, index)
        counts[key] = counts.get(key, 0) + 1
    for (producer, consumer, output), count in counts.items():
        yield ViewEdge(producer=producer, consumer=consumer, output=output, count=count)


def _output(graph: Graph, producer: int, output: int) -> str:
    return graph.families[graph.family_of[producer]].outputs[output] if output >= 0 else ""


def _width(family: Family) -> str:
    if family.dynamic:
        return " (?)"
    return f" ({family.count:,})" if family.rank else ""


def _function(family: Family) -> str:
    if isinstance(family.body, Call):
        return f"{family.body.target}:{family.body.function}"
    if not family.body.argv:
        return "workflow"
    first = family.body.argv[0]
    return str(first.value) if isinstance(first, ScalarNode) else "exec"


def critical_path(graph: Graph) -> tuple[int, ...]:
    """The longest chain of instances, each of weight one; of equals the one that the earlier instances make."""
    length = [1] * len(graph)
    before = [-1] * len(graph)
    for instance in _topological(graph):
        for producer, _ in graph.in_edges[instance]:
            if length[producer] + 1 > length[instance]:
                length[instance] = length[producer] + 1
                before[instance] = producer
    if not length:
        return ()
    at = max(range(len(length)), key=lambda instance: (length[instance], -instance))
    path = [at]
    while before[at] >= 0:
        at = before[at]
        path.append(at)
    return tuple(reversed(path))


def _topological(graph: Graph) -> list[int]:
    missing = [len(sources) for sources in graph.in_edges]
    consumers = graph.consumers()
    order = [instance for instance, count in enumerate(missing) if not count]
    for instance in order:
        for _, consumer in consumers[instance]:
            missing[consumer] -= 1
            if not missing[consumer]:
                order.append(consumer)
    assert len(order) == len(graph), "an expanded graph has no cycle"
    return order


def to_networkx(graph: Graph, level: str = "instance") -> nx.MultiDiGraph[str]:
    """The graph as networkx knows it, nodes by name."""
    import networkx as nx

    seen = view(graph, level)
    made: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=seen.name)
    for node in seen.nodes:
        made.add_node(node.name, function=node.function, count=node.count, is_target=node.is_target)
    for edge in seen.edges:
        producer, consumer = seen.nodes[edge.producer].name, seen.nodes[edge.consumer].name
        made.add_edge(producer, consumer, output=edge.output, count=edge.count)
    return made


def to_dot(graph: Graph, level: str = "template") -> str:
    """Graphviz: a family is a stacked box, a target has a double border."""
    seen = view(graph, level)
    lines = [
        f"digraph {_quote(seen.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="Helvetica"];',
    ]
    for number, node in enumerate(seen.nodes):
        shape = ", shape=box3d, style=solid" if node.is_family else ""
        border = ", peripheries=2" if node.is_target and not node.is_family else ""
        lines.append(f"  n{number} [label={_quote(node.label)}, tooltip={_quote(node.function)}{shape}{border}];")
    for edge in seen.edges:
        label = _edge_label(edge)
        suffix = f" [label={_quote(label)}]" if label else ""
        lines.append(f"  n{edge.producer} -> n{edge.consumer}{suffix};")
    return "\n".join([*lines, "}"])


def to_mermaid(graph: Graph, level: str = "template") -> str:
    """Mermaid's flowchart: a family is a subroutine box, a target a stadium."""
    seen = view(graph, level)
    lines = ["flowchart TD"]
    for number, node in enumerate(seen.nodes):
        opening, closing = ("[[", "]]") if node.is_family else ("([", "])") if node.is_target else ("[", "]")
        lines.append(f"  n{number}{opening}{_mermaid_text(node.label)}{closing}")
    for edge in seen.edges:
        label = _edge_label(edge)
        arrow = f"-->|{_mermaid_text(label)}|" if label else "-->"
        lines.append(f"  n{edge.producer} {arrow} n{edge.consumer}")
    return "\n".join(lines)


def to_json(graph: Graph, level: str = "template") -> dict[str, object]:
    """The view as JSON data, with the length of the critical path in tasks."""
    seen = view(graph, level)
    return {
        "name": seen.name,
        "level": seen.level,
        "instances": len(graph),
        "critical_path_tasks": len(critical_path(graph)),
        "nodes": [
            {"name": node.name, "function": node.function, "count": node.count, "target": node.is_target}
            for node in seen.nodes
        ],
        "edges": [
            {
                "from": seen.nodes[edge.producer].name,
                "to": seen.nodes[edge.consumer].name,
                "output": edge.output or None,
                "count": edge.count,
            }
            for edge in seen.edges
        ],
    }


def _edge_label(edge: ViewEdge) -> str:
    count = f"({edge.count:,})" if edge.count > 1 else ""
    return " ".join(part for part in (edge.output, count) if part)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _mermaid_text(text: str) -> str:
    safe = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return f'"{safe}"'
