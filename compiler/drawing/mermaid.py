"""A view as Mermaid's flowchart: a family is a subroutine box, a target a stadium."""

from __future__ import annotations

from compiler.drawing.view import View, ViewNode

_ENTITIES = str.maketrans(
    {
        "#": "#35;",
        '"': "#quot;",
        "<": "#lt;",
        ">": "#gt;",
        "&": "#amp;",
        "`": "#96;",
        "\\": "#92;",
        "|": "#124;",
        "\n": " ",
        "\r": " ",
    }
)
_SHAPES = {"family": ("[[", "]]"), "group": ("[[", "]]")}


def to_mermaid(view: View) -> str:
    """The text of a flowchart; nodes are numbered, names are labels."""
    lines = ["flowchart TD"]
    for number, node in enumerate(view.nodes):
        opening, closing = _shape(node)
        lines.append(f"  n{number}{opening}{text_of(node.label)}{closing}")
    for edge in view.edges:
        arrow = f"-->|{text_of(edge.label)}|" if edge.label else "-->"
        lines.append(f"  n{edge.producer} {arrow} n{edge.consumer}")
    return "\n".join(lines)


def _shape(node: ViewNode) -> tuple[str, str]:
    return _SHAPES.get(node.kind, ("([", "])") if node.is_target else ("[", "]"))


def text_of(text: str) -> str:
    """A quoted text whose special characters are Mermaid's entities."""
    return f'"{text.translate(_ENTITIES)}"'
