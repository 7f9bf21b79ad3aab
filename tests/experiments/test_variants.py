"""Manifests with another objective and memory: what is put in is there, and nothing else has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from compiler.pipeline import CompileOptions, expand_workflow
from tests.benchmarks.experiments.measuring import MANIFESTS
from tests.benchmarks.experiments.variants import make_variant, put, with_sla

EXAMPLES = sorted(MANIFESTS.glob("*/workflow.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_takes_another_objective_and_memory_and_stays_the_same_otherwise(
    path: Path, tmp_path: Path
) -> None:
    file = make_variant(path, tmp_path, sla="p99", memory_mb="2048")
    before, after = (yaml.load(one.read_text(), Loader=yaml.BaseLoader) for one in (path, file))
    assert after.pop("sla") == "p99"
    assert after["defaults"]["resources"].pop("memory") == "2048MiB"
    before.pop("sla", None)
    before.setdefault("defaults", {}).setdefault("resources", {}).pop("memory", None)
    assert after == before
    assert {one.name for one in file.parent.iterdir()} == {
        one.name for one in path.parent.iterdir() if one.name != "__pycache__"
    }


def test_variant_is_a_manifest_with_that_objective_and_memory(tmp_path: Path) -> None:
    file = make_variant(MANIFESTS / "montage/workflow.yaml", tmp_path, sla="average", memory_mb="512")
    graph = expand_workflow(file, CompileOptions())
    assert graph.manifest.sla is not None and graph.manifest.sla.percentile is None
    assert {option.resources.memory_min_mb for option in graph.option_table} == {512}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\n", "b: {c: 2}\na: 1\n"),
        ("{a: 1}\n", "{b: {c: 2}, a: 1}\n"),
        ("b: {}\n", "b: {c: 2}\n"),
        ("b: {c: 1, d: 3}   # kept\n", "b: {c: 2, d: 3}   # kept\n"),
        ("b:\n  d: 3\na: 1\n", "b:\n  c: 2\n  d: 3\na: 1\n"),
        ("b:\n  c:   1   # kept\n  d: 3\n", "b:\n  c:   2   # kept\n  d: 3\n"),
        ("b:\n  c:\n    x: 1\n    y: 2\na: 1\n", "b:\n  c:\n    2\na: 1\n"),
        ("# first\n\nb:\n    c: >-\n      1\n# last\n", "# first\n\nb:\n    c: 2\n# last\n"),
    ],
)
def test_value_is_put_where_it_belongs_in_every_style(text: str, found: str) -> None:
    assert put(text, ("b", "c"), "2") == found


def test_objective_keeps_a_deadline_that_is_written() -> None:
    text = "sla: {percentile: 95, deadline: 3m}\n"
    assert with_sla(text, "p50") == "sla: {percentile: 50, deadline: 3m}\n"
    assert with_sla(text, "average") == "sla: average\n"
    assert with_sla("sla: p95\n", "p99.9") == "sla: p99.9\n"
