"""The graph signature: what makes two graphs the same workflow for history, whatever plan they run under.

It covers the tasks (names, keys, outputs), the edges and the fingerprints of their functions. It does not cover
literal arguments, resources, workers, or the text of the manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from compiler.emit.canonical import canonical_json
from compiler.graph.model import Graph

SIGNATURE_HEX = 16


def graph_signature(graph: Graph, names: Sequence[str], fingerprints: Sequence[str]) -> str:
    """The first 16 hex digits of the signature, as run ids show them; `fingerprints` are by family."""
    hasher = sha256()
    for family, fingerprint in zip(graph.families, fingerprints, strict=True):
        hasher.update(canonical_json([family.task, family.rank, family.count, family.outputs, fingerprint]))
    hasher.update(canonical_json(list(names)))
    hasher.update(canonical_json(list(graph.in_edges)))
    return hasher.hexdigest()[:SIGNATURE_HEX]
