"""The shapes that the benchmarks run: as manifests for treadle, and as plain graphs for what stands beside it.

A graph is a dict from a task's name to its inputs' names; every task returns its input or 0, so that nothing
but coordination is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODULE = """\
def nothing(*inputs):
    return inputs[0] if inputs else 0


def nothing_of(inputs):
    return inputs[0]
"""

TREE = """\
spec: 1
name: tree
params: {leaves: {type: int, default: 512}}
let: {levels: "${{ log2(params.leaves) }}"}
tasks:
  leaf: {call: "noop:nothing", foreach: {i: "${{ range(params.leaves) }}"}}
  add:
    call: noop:nothing
    foreach: {l: "${{ range(1, levels + 1) }}", i: "${{ range(params.leaves // 2 ** l) }}"}
    args:
      - ${{ tasks.leaf[2*i]   if l == 1 else tasks.add[l-1][2*i]   }}
      - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
result: ${{ tasks.add[levels][0] }}
"""

FAN = """\
spec: 1
name: fan-out-in
params: {width: {type: int, default: 1000}}
tasks:
  top: {call: "noop:nothing"}
  middle: {call: "noop:nothing", foreach: {i: "${{ range(params.width) }}"}, args: ["${{ tasks.top }}"]}
  end: {call: "noop:nothing_of", args: ["${{ tasks.middle }}"]}
result: ${{ tasks.end }}
"""

CHAIN = """\
spec: 1
name: chain
params: {length: {type: int, default: 200}}
tasks:
  link:
    call: noop:nothing
    foreach: {i: "${{ range(params.length) }}"}
    args: ["${{ 0 if i == 0 else tasks.link[i-1] }}"]
result: ${{ tasks.link[params.length - 1] }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape: its manifest, and the same graph with its last task."""

    name: str
    manifest: str
    graph: dict[str, list[str]]
    last: str


def shapes() -> tuple[Shape, ...]:
    """Tree of 512 leaves, 1 to 1,000 to 1, chain of 200."""
    return (
        Shape(name="tree of 512", manifest=TREE, graph=_tree(512), last="add9.0"),
        Shape(name="1 to 1000 to 1", manifest=FAN, graph=_fan(1000), last="end"),
        Shape(name="chain of 200", manifest=CHAIN, graph=_chain(200), last="link199"),
    )


def write(shape: Shape, folder: Path) -> Path:
    """The shape's manifest with its module in `folder`."""
    (folder / "noop.py").write_text(MODULE)
    path = folder / f"{shape.name.replace(' ', '-')}.yaml"
    path.write_text(shape.manifest)
    return path


def _tree(leaves: int) -> dict[str, list[str]]:
    graph: dict[str, list[str]] = {f"add0.{i}": [] for i in range(leaves)}
    level = 0
    while leaves > 1:
        leaves, level = leaves // 2, level + 1
        graph.update(
            {f"add{level}.{i}": [f"add{level - 1}.{2 * i}", f"add{level - 1}.{2 * i + 1}"] for i in range(leaves)}
        )
    return graph


def _fan(width: int) -> dict[str, list[str]]:
    middle = [f"middle{i}" for i in range(width)]
    return {"top": [], **{name: ["top"] for name in middle}, "end": middle}


def _chain(length: int) -> dict[str, list[str]]:
    return {f"link{i}": [f"link{i - 1}"] if i else [] for i in range(length)}
