"""A view as Graphviz's DOT: a family is a stacked box, a target has a double border."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.drawing.view import View, ViewNode

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "", "\0": ""})


def to_dot(view: View) -> str:
    """The text of a digraph; nodes are numbered, names are labels."""
    lines = [
        f"digraph {quoted(view.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="Helvetica"];',
        *(f"  n{number} [{', '.join(_attributes(node))}];" for number, node in enumerate(view.nodes)),
    ]
    for edge in view.edges:
        suffix = f" [label={quoted(edge.label)}]" if edge.label else ""
        lines.append(f"  n{edge.producer} -> n{edge.consumer}{suffix};")
    return "\n".join([*lines, "}"])


def _attributes(node: ViewNode) -> Iterator[str]:
    yield f"label={quoted(node.label)}"
    yield f"tooltip={quoted(node.function)}"
    if node.is_many:
        yield "shape=box3d"
        yield "style=dashed" if node.is_dynamic else "style=solid"
    elif node.is_target:
        yield "peripheries=2"


def quoted(text: str) -> str:
    """A text as a string of DOT: a backslash is one, not an escape of Graphviz's."""
    return f'"{text.translate(_ESCAPES)}"'
