"""A hint in code goes into the graph where the manifest has none: every form, every instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.graph.model import Graph
from compiler.manifest.model import IoHint, Source
from compiler.pipeline import CompileOptions, examine


def graph_of(root: Path, code: str, tasks: str) -> Graph:
    (root / "m.py").write_text(code)
    checked = examine(Source(file="w.yaml", text=f"spec: 1\nname: t\ntasks:\n{tasks}", root=root), CompileOptions())
    assert checked.graph is not None, checked.diagnostics
    return checked.graph


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("linear=2", IoHint(kind="linear", factor=2.0)),
        ("linear={'factor': 2, 'offset': '1KiB'}", IoHint(kind="linear", factor=2.0, offset_bytes=1024.0)),
        ("exponent=1.5, of=('a',)", IoHint(kind="exponent", power=1.5, of=("a",))),
        ("constant='4KiB'", IoHint(kind="constant", factor=0.0, power=0.0, offset_bytes=4096.0)),
        ("constant=10", IoHint(kind="constant", factor=0.0, power=0.0, offset_bytes=10.0)),
        ("none=True", IoHint(kind="none")),
    ],
)
def test_every_form_of_a_hint_is_carried(tmp_path: Path, hint: str, expected: IoHint) -> None:
    code = f"from runtime import hints\n\n@hints.treadle_io({hint})\ndef f(a): return a\n"
    graph = graph_of(tmp_path, code, "  g: {call: 'm:f', foreach: {i: [1, 2]}, args: ['${{ i }}']}\n")
    assert {graph.option_table[number].io for number in graph.options} == {expected}


def test_the_manifest_wins_where_it_says_something(tmp_path: Path) -> None:
    code = "from runtime.hints import treadle_io\n\n@treadle_io(linear=2)\ndef f(a): return a\n"
    tasks = "  g: {call: 'm:f', args: [1], io: none}\n  h: {call: 'm:f', args: ['${{ tasks.g }}'], timeout: 1s}\n"
    graph = graph_of(tmp_path, code, tasks)
    told = [graph.option_table[number].io for number in graph.options]
    assert told == [IoHint(kind="none"), IoHint(kind="linear", factor=2.0)]
    assert graph.option_table[graph.options[1]].timeout_s == 1
