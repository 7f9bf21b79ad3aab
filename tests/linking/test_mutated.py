"""Workflows of several files with any of them spoiled: findings with places in their files, never an exception."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import Span
from compiler.manifest.lines import split_lines
from tests.linking.projects import examined
from tests.linking.test_includes import COMMON, DEEPER
from tests.linking.test_inlining import SUB

MAIN = """
params: {n: 2}
include: [parts/common.yaml]
imports: {sub: sub.yaml, middle: {path: middle.yaml}}
tasks:
  s: {workflow: sub, foreach: {k: [1, 2]}, where: "${{ k > 0 }}", with: {n: "${{ k }}", data: "${{ tasks.leaf }}"}}
  m: {workflow: middle, with: {data: "${{ tasks.s[1].x }}", m: "${{ params.n }}"}, after: [s]}
  end: {call: app:f, args: ["${{ tasks.m }}", "${{ tasks.s }}"], after: [m]}
result: {end: "${{ tasks.end }}", rest: "${{ tasks.m.rest }}"}
"""
MIDDLE = """
params: {m: 1}
inputs: {data: {type: any}}
imports: {sub: sub.yaml}
tasks:
  d:
    workflow: sub
    foreach: {j: "${{ range(params.m) }}"}
    with: {data: "${{ inputs.data.k }}", tag: "${{ 'a' ~ j }}"}
outputs: {d: "${{ tasks.d }}", rest: "${{ inputs.data }}"}
"""
FILES = {
    "main.yaml": MAIN,
    "middle.yaml": MIDDLE,
    "sub.yaml": SUB,
    "parts/common.yaml": COMMON,
    "parts/deeper.yaml": DEEPER,
}
WORDS = sorted(
    {
        "tasks.s",
        "tasks.d",
        "inputs",
        "params",
        "foreach",
        "workflow",
        "with",
        "sub",
        "middle",
        "k",
        "data",
        "[",
        "}",
        "0",
    }
)


@st.composite
def spoiled(draw: st.DrawFn) -> Mapping[str, str]:
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name]
        at = draw(st.integers(12, len(text)))
        length = draw(st.integers(0, 12))
        files[name] = text[:at] + draw(st.sampled_from(["", *WORDS]) | st.text(max_size=3)) + text[at + length :]
    return files


def _is_inside(folder: Path, span: Span) -> bool:
    lines = split_lines((folder / Path(span.file).relative_to(folder)).read_text(encoding="utf-8"))
    last = len(lines[span.end.line - 1]) + 1 if span.end.line <= len(lines) else 0
    return 1 <= span.start.line <= span.end.line <= len(lines) and 1 <= span.end.column <= last


def test_the_workflow_is_sound_before_it_is_spoiled(tmp_path: Path) -> None:
    checked = examined(tmp_path, FILES, "plan")
    assert checked.diagnostics == () and checked.graph is not None
    assert len(checked.graph) == 19


@settings(max_examples=150, deadline=None)
@given(spoiled())
def test_every_finding_has_a_place_in_its_file(files: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for one in examined(Path(name), files, "plan", max_instances=2000).diagnostics:
            spans = [one.span, *(other.span for other in one.related)]
            yaml = [span for span in spans if span is not None and span.file.endswith(".yaml")]
            assert all(_is_inside(Path(name), span) for span in yaml), one
