"""A view as JSON data, for programs.

`nodes[]` have `name` (unique), `kind` (task, instance, family, group), `function`, `count` of instances, `rank` (how
many `foreach` entries), `dynamic` (the width is known only at run time), `target` (the result is kept). `edges[]` have
`from` and `to` by name, `output` (null for the whole value), `count` of instance edges. Beside them: `instances`, the
number of all; `critical_path_tasks`, the longest chain; `collapsed`, what stands as one node although the level shows
it apart.
"""

from __future__ import annotations

from compiler.drawing.view import View, ViewEdge, ViewNode
from compiler.graph.analysis import critical_path
from compiler.graph.model import Graph


def to_json(graph: Graph, view: View) -> dict[str, object]:
    return {
        "name": view.name,
        "level": view.level,
        "instances": view.instances,
        "critical_path_tasks": len(critical_path(graph)),
        "collapsed": list(view.collapsed),
        "nodes": [_node(node) for node in view.nodes],
        "edges": [_edge(view, edge) for edge in view.edges],
    }


def _node(node: ViewNode) -> dict[str, object]:
    return {
        "name": node.name,
        "kind": node.kind,
        "function": node.function,
        "count": node.count,
        "rank": node.rank,
        "dynamic": node.is_dynamic,
        "target": node.is_target,
    }


def _edge(view: View, edge: ViewEdge) -> dict[str, object]:
    return {
        "from": view.nodes[edge.producer].name,
        "to": view.nodes[edge.consumer].name,
        "output": edge.output or None,
        "count": edge.count,
    }
