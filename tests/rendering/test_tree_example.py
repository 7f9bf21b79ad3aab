"""The tree of the conformance cases, its `foreach` written without halving at one level: the whole screen."""

from __future__ import annotations

from pathlib import Path

from compiler.manifest.model import Source
from compiler.pipeline import check
from compiler.rendering import render_human

GOOD = Path(__file__).resolve().parents[1] / "conformance" / "good" / "b_tree.yaml"

SCREEN = """\
error[E304 no-such-instance]: leaf[512] does not exist
  --> b_tree.yaml:20:13
   |
20 |       - ${{ tasks.leaf[2*i]   if l == 1 else tasks.add[l-1][2*i]   }}
   |             ^^^^^^^^^^^^^^^ `2*i` is 512 while expanding add[1][256]  (l = 1, i = 256)
  ::: b_tree.yaml:11:15
11 |     foreach: {i: "${{ range(params.leaves) }}"}   # 512 instances, keys 0..511
   |               - valid keys of `leaf` are 0..511 (512)
   = note: same mistake in 255 more instances of `add`
   = help: does the domain of `i` on line 18 go one level too far?        treadle explain E304

error[E304 no-such-instance]: leaf[513] does not exist
  --> b_tree.yaml:21:13
   |
21 |       - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
   |             ^^^^^^^^^^^^^^^^^ `2*i+1` is 513 while expanding add[1][256]  (l = 1, i = 256)
  ::: b_tree.yaml:11:15
11 |     foreach: {i: "${{ range(params.leaves) }}"}   # 512 instances, keys 0..511
   |               - valid keys of `leaf` are 0..511 (512)
   = note: same mistake in 255 more instances of `add`
   = help: does the domain of `i` on line 18 go one level too far?        treadle explain E304
"""


def test_a_level_that_is_not_halved() -> None:
    text = GOOD.read_text(encoding="utf-8")
    halved = "${{ range(params.leaves // 2 ** l) }}"
    assert halved in text
    wrong = text.replace(halved, "${{ range(params.leaves if l == 1 else params.leaves // 2 ** l) }}")
    found = check(Source(file="b_tree.yaml", text=wrong, root=GOOD.parent), level="graph")
    assert render_human(found, {"b_tree.yaml": wrong}) == SCREEN


def test_no_level_halved() -> None:
    text = GOOD.read_text(encoding="utf-8").replace("params.leaves // 2 ** l", "params.leaves")
    found = check(Source(file="b_tree.yaml", text=text, root=GOOD.parent), level="graph")
    screen = render_human(found, {"b_tree.yaml": text})
    assert screen.startswith(SCREEN.split("\n\n", maxsplit=1)[0])
    assert [(one.code, one.more) for one in found] == [("E304", 255), ("E304", 2047), ("E304", 255), ("E304", 2047)]
