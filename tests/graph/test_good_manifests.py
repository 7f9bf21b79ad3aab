"""The good manifests of the conformance suite expand, without a lint, to the instances and edges that they describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.graph.expand import expand
from compiler.manifest.parse import load_manifest
from compiler.manifest.source import read_source

GOOD = Path(__file__).parents[1] / "conformance" / "good"


@pytest.mark.parametrize(
    ("name", "instances", "edges"),
    [
        ("a_hello", 1, 0),
        ("b_tree", 1_023, 1_022),
        ("c_gemm", 16 + 16 + 64 + 16 + 1, 128 + 64 + 16),
        ("d_dynamic", 7, 7),
        ("e_cli", 5, 4),
        ("f_montage", 1 + 16 + 15 + 1 + 16 + 1 + 1, 16 + 30 + 15 + 32 + 17 + 1),
    ],
)
def test_good_manifest_expands(name: str, instances: int, edges: int) -> None:
    graph = expand(load_manifest(read_source(GOOD / f"{name}.yaml")))
    assert (len(graph), sum(1 for _ in graph.edges())) == (instances, edges)
    assert graph.warnings == ()
