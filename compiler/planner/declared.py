"""The sizes that the manifest's `workers:` section declares.

A value that is not a plain size or architecture says nothing here: that it is wrong is reported by the schema
check and by `compiler.planner.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.graph.model import Graph
from compiler.manifest.model import Manifest, Resources
from compiler.manifest.tree import MappingNode, Node, ScalarNode
from runtime.quantities import parse_size

MIB = 1024 * 1024


def workers_of(graph: Graph) -> Mapping[str, Resources]:
    """The declared workers of a graph: those of the main manifest and of the workflows that it inlines.

    A name is one worker, wherever it is pinned; two manifests that declare it differently are E503.
    """
    found: dict[str, Resources] = {}
    for manifest in graph.manifests():
        for name, size in declared_sizes(manifest).items():
            found.setdefault(name, size)
    return found


def declared_sizes(manifest: Manifest) -> Mapping[str, Resources]:
    """For each declared worker its memory (as `memory_min_mb`) and architecture, None where nothing is said."""
    return {name: _resources(node) for name, node in (manifest.workers or {}).items()}


def _resources(node: Node) -> Resources:
    if not isinstance(node, MappingNode):
        return Resources()
    arch = _text(node.get("arch"))
    memory = _text(node.get("memory"))
    return Resources(memory_min_mb=_megabytes(memory) if memory else None, arch=arch or None)


def _text(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _megabytes(text: str) -> int | None:
    try:
        return -(-parse_size(text) // MIB)
    except ValueError:
        return None
