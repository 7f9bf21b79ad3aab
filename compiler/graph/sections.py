"""The settings of the whole workflow that may hold expressions: `sla`, `optimize`, `workers`, `secrets`, texts …

They are evaluated as the options of tasks are, checked again as values, and stand in the manifest of the graph as if
they had been written so: whoever reads them later finds plain values at the places of the expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from compiler.graph.context import Context
from compiler.graph.secrets import check_secrets
from compiler.graph.settings import evaluate_section
from compiler.manifest.expressions.templates import scalars
from compiler.manifest.model import Manifest
from compiler.manifest.options import parse_sla
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import MappingNode, Node


def settle_sections(context: Context) -> Manifest:
    """The manifest with these sections evaluated. Reports what is wrong with them, and leaves that part out."""
    manifest = context.manifest
    check_secrets(context)
    sla, optimize, metrics = manifest.sla_node, manifest.optimize, manifest.metrics
    if sla is not None and _has_expression(sla):
        node = evaluate_section("sla", sla, context)
        manifest = manifest if node is None else replace(manifest, sla=parse_sla(to_plain(node)))
    if optimize is not None and _has_expression(optimize):
        manifest = replace(manifest, optimize=evaluate_section("optimize", optimize, context))
    if metrics is not None and _has_expression(metrics):
        manifest = replace(manifest, metrics=evaluate_section("metrics", metrics, context))
    if (described := _evaluated("description", manifest.description_node, context)) is not None:
        manifest = replace(manifest, description=str(to_plain(described)))
    if isinstance(labels := _evaluated("labels", manifest.labels_node, context), MappingNode):
        manifest = replace(manifest, labels={str(key): str(value) for key, value in _items(labels)})
    if manifest.workers is not None and any(map(_has_expression, manifest.workers.values())):
        manifest = replace(manifest, workers=_sizes(manifest.workers, context))
    return manifest


def _evaluated(name: str, node: Node | None, context: Context) -> Node | None:
    """The section evaluated; None when it needs no evaluation, or something is wrong with it."""
    return evaluate_section(name, node, context) if node is not None and _has_expression(node) else None


def _items(node: MappingNode) -> Iterator[tuple[object, object]]:
    return ((key.value, to_plain(value)) for key, value in zip(node.keys, node.values, strict=True))


def _sizes(workers: Mapping[str, Node], context: Context) -> dict[str, Node]:
    """The declared workers; one whose size is wrong stays declared as it is written."""
    return {
        name: (evaluate_section("worker_size", node, context) or node) if _has_expression(node) else node
        for name, node in workers.items()
    }


def _has_expression(node: Node) -> bool:
    return any(isinstance(scalar.value, str) and "${{" in scalar.value for scalar in scalars(node))
