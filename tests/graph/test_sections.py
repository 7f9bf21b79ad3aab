"""Settings of the whole workflow that hold expressions: evaluated, and checked again as values."""

from __future__ import annotations

import pytest

from compiler.planner.declared import declared_sizes
from tests.graph.manifests import codes, graph_of

TASK = "tasks:\n  g: {call: 'app:g', worker: w}\n"


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ('sla: "${{ params.x }}"', "E506"),
        ('sla: {percentile: "${{ params.n }}"}', "E506"),
        ("sla: \"${{ {'budget': '$1'} }}\"", "E101"),
        ('optimize: ["${{ params.x }}"]', "E104"),
        ('optimize: [stream, "${{ params.s }}"]', "E505"),
        ('metrics: {upload: "${{ params.x }}"}', "E104"),
        ('workers: {w: {memory: "${{ params.x }}"}}', "E110"),
        ('workers: {w: {arch: "${{ params.nothing }}"}}', "E203"),
        ('workers: {w: {memory: "${{ tasks.g }}"}}', "E214"),
    ],
)
def test_a_wrong_value_is_reported_at_its_expression(section: str, code: str) -> None:
    text = f"params: {{x: wrong, n: 101, s: stream}}\n{section}\n{TASK}"
    assert codes(text) == [(code, 4)]


def test_sound_values_stand_in_the_manifest_of_the_graph() -> None:
    text = (
        'params: {p: 95, m: 2, w: 30s}\nsla: {percentile: "${{ params.p }}", deadline: "${{ params.w }}"}\n'
        f'workers: {{w: {{memory: "${{{{ params.m }}}}GiB"}}}}\n{TASK}'
    )
    manifest = graph_of(text).manifest
    assert (manifest.sla.percentile, manifest.sla.deadline_s) == (95, 30)
    assert declared_sizes(manifest)["w"].memory_min_mb == 2048
