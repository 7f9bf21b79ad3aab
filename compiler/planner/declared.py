"""The sizes that the manifest's `workers:` section declares.

A value that is not a plain size or architecture says nothing here: that it is wrong is reported by the schema
check and by `compiler.planner.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.manifest.model import Manifest, Resources
from compiler.manifest.tree import MappingNode, Node, ScalarNode
from runtime.quantities import parse_size

MIB = 1024 * 1024


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
