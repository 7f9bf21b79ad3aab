"""W505: the manifest asks for an optimization that the planner has no use for.

Each planner says which optimizations go with its plans (`compiler.planner.registry`): what concerns pinned workers is
nothing to one whose tasks are flexible, and the other way round. Whether a list contradicts itself is
`compiler.manifest.claims`', whether an optimization pays is decided by the passes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from compiler.diagnostics import Diagnostic
from compiler.graph.model import Graph
from compiler.manifest.claims import directive_name
from compiler.manifest.ignores import without_ignored
from compiler.manifest.tree import Node, SequenceNode


def unheeded(graph: Graph, planner: str, allowed: Collection[str]) -> list[Diagnostic]:
    """W505 at each item of an `optimize:` list none of `allowed` names, by place; a comment silences it."""
    found: dict[tuple[str, int, int], Diagnostic] = {}
    for item in _items(graph):
        name = directive_name(item)
        if name and name not in allowed:
            place = item.span.file, item.span.start.line, item.span.start.column
            found[place] = Diagnostic(
                code="W505",
                message=f"`{name}` has no effect in a plan of `{planner}`",
                span=item.span,
                hint=f"`{planner}` takes {', '.join(allowed)}" if allowed else "choose another planner, or remove it",
            )
    left = [found[place] for place in sorted(found)]
    for manifest in graph.manifests():
        left = list(without_ignored(left, manifest.source.text, manifest.source.file))
    return left


def _items(graph: Graph) -> Iterator[Node]:
    """Every item of the lists that count: tasks' own, and those of whole workflows."""
    sources = [family.source for family in graph.families if family.source is not None]
    nodes = [source.options.get("optimize") for source in sources]
    for node in (*nodes, *(manifest.optimize for manifest in graph.manifests())):
        yield from node.items if isinstance(node, SequenceNode) else ()
