"""A view as SVG, laid out here: no other program is needed.

A family is a stack of boxes with its count, a target has a heavy border, a dynamic family a dashed one; colours tell
families apart. Every box has its full name and function as a tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.drawing.canvas import Canvas, shortened, text_width
from compiler.drawing.layout import Box, Layout, Line, Point, lay_out, path_of
from compiler.drawing.view import View, ViewEdge, ViewNode

NAME, SMALL = 13.0, 11.0
MARGIN, HEAD = 24.0, 58.0
PADDING = 14.0
STACK = 4.0
LONGEST = 40
TIMES = "\u00d7"
INK, FAINT, LINE, PAPER = "#1f2933", "#616e7c", "#8794a3", "#ffffff"
TONES = (
    ("#e6f0fa", "#3b76b0"),
    ("#e7f5ec", "#3a8a5c"),
    ("#fdf1e0", "#b9770e"),
    ("#f3eafa", "#7d55a8"),
    ("#fde8e8", "#b5484b"),
    ("#e3f4f4", "#2b8387"),
    ("#f6f0e4", "#8a6d3b"),
    ("#ecedf7", "#565fa5"),
)
"""Fill and border of what belongs together; the ninth is the first again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A node with its texts and its size."""

    node: ViewNode
    name: str
    count: str
    details: tuple[str, ...]
    box: Box
    loop: ViewEdge | None


def to_svg(view: View, *, subtitle: str = "") -> str:
    """The text of an SVG document."""
    loops = {edge.producer: edge for edge in view.edges if edge.producer == edge.consumer}
    edges = [edge for edge in view.edges if edge.producer != edge.consumer]
    drawn = [_measure(node, loops.get(number)) for number, node in enumerate(view.nodes)]
    lines = [Line(start=edge.producer, end=edge.consumer, label=_label_size(edge.label)) for edge in edges]
    layout = lay_out([one.box for one in drawn], lines)
    width = max(layout.width, text_width(view.name, 18), text_width(subtitle, SMALL)) + 2 * MARGIN
    canvas = Canvas(width=width, height=layout.height + HEAD + 2 * MARGIN, title=view.name)
    _head(canvas, view, subtitle)
    canvas.open("g", {"transform": f"translate({MARGIN:.0f} {HEAD + MARGIN:.0f})"})
    _edges(canvas, edges, layout)
    for one, centre in zip(drawn, layout.centres, strict=True):
        _node(canvas, one, centre, layout)
    canvas.close("g")
    return canvas.text()


def _measure(node: ViewNode, loop: ViewEdge | None) -> _Drawn:
    name = shortened(node.name, LONGEST)
    count = f"{TIMES}?" if node.is_dynamic else f"{TIMES}{node.count:,}" if node.is_many else ""
    details = tuple(shortened(text, LONGEST) for text in (node.function, *node.details) if text)
    if node.kind == "instance":
        details = details[1:]
    first = text_width(name, NAME) + (text_width(count, SMALL) + 10 if count else 0)
    width = max([first, *(text_width(text, SMALL) for text in details)]) + 2 * PADDING
    height = 30 + 16 * len(details)
    stack = 2 * STACK if node.is_many else 0
    size = _label_size(loop.label) if loop else None
    box = Box(width=round(width) + stack, height=height + stack, loop=size)
    return _Drawn(node=node, name=name, count=count, details=details, box=box, loop=loop)


def _label_size(label: str) -> Point:
    return (text_width(shortened(label, LONGEST), SMALL) + 8, 16.0) if label else (0.0, 0.0)


def _head(canvas: Canvas, view: View, subtitle: str) -> None:
    canvas.open("defs", {})
    canvas.open(
        "marker",
        {
            "id": "arrow",
            "viewBox": "0 0 8 8",
            "refX": 7.5,
            "refY": 4,
            "markerWidth": 7,
            "markerHeight": 7,
            "orient": "auto",
        },
    )
    canvas.element("path", {"d": "M0 0.5 L8 4 L0 7.5 z", "fill": LINE})
    canvas.close("marker")
    canvas.close("defs")
    canvas.element("rect", {"width": "100%", "height": "100%", "fill": PAPER})
    title = {"x": MARGIN, "y": MARGIN + 16, "font-size": 18, "font-weight": "bold", "fill": INK}
    canvas.element("text", title, view.name)
    if subtitle:
        canvas.element("text", {"x": MARGIN, "y": MARGIN + 36, "font-size": SMALL, "fill": FAINT}, subtitle)


def _edges(canvas: Canvas, edges: list[ViewEdge], layout: Layout) -> None:
    canvas.open("g", {"fill": "none", "stroke": LINE, "stroke-width": 1.4})
    for curve in layout.curves:
        path = path_of(curve.points, is_downwards=layout.is_downwards)
        canvas.element("path", {"d": path, "marker-end": "url(#arrow)"})
    canvas.close("g")
    for edge, curve in zip(edges, layout.curves, strict=True):
        if curve.label is not None:
            _label(canvas, edge.label, curve.label)


def _label(canvas: Canvas, label: str, centre: Point) -> None:
    """A text on a piece of paper, so that its edge does not strike it out."""
    x, y = centre
    width, height = _label_size(label)
    paper = {"x": _n(x - width / 2), "y": _n(y - height / 2), "width": _n(width), "height": _n(height), "fill": PAPER}
    canvas.element("rect", paper)
    text = {"x": _n(x), "y": _n(y + 4), "font-size": SMALL, "fill": FAINT, "text-anchor": "middle"}
    canvas.element("text", text, shortened(label, LONGEST))


def _node(canvas: Canvas, one: _Drawn, centre: Point, layout: Layout) -> None:
    fill, border = TONES[one.node.shade % len(TONES)]
    stack = 2 * STACK if one.node.is_many else 0
    width, height = one.box.width - stack, one.box.height - stack
    left, top = centre[0] - one.box.width / 2, centre[1] - one.box.height / 2
    tooltip = "\n".join(text for text in (one.node.label, one.node.function, *one.node.details) if text)
    canvas.open("g", {"class": one.node.kind}, tooltip)
    if one.loop is not None:
        _loop(canvas, one, centre, layout)
    for behind in (2, 1, 0) if one.node.is_many else (0,):
        shape: dict[str, object] = {
            "x": _n(left + behind * STACK),
            "y": _n(top + stack - behind * STACK),
            "width": _n(width),
            "height": _n(height),
            "rx": 6,
            "fill": fill,
            "stroke": border,
            "stroke-width": 2.4 if one.node.is_target and not behind else 1.2,
        }
        canvas.element("rect", shape | ({"stroke-dasharray": "5 3"} if one.node.is_dynamic else {}))
    _texts(canvas, one, (left, top + stack), width, border)
    canvas.close("g")


def _texts(canvas: Canvas, one: _Drawn, corner: Point, width: float, tone: str) -> None:
    left, top = corner
    name = {"x": _n(left + PADDING), "y": _n(top + 20), "font-size": NAME, "fill": INK, "font-weight": "bold"}
    canvas.element("text", name, one.name)
    if one.count:
        at = {"x": _n(left + width - PADDING), "y": _n(top + 20), "font-size": SMALL, "fill": tone}
        canvas.element("text", at | {"text-anchor": "end"}, one.count)
    for row, text in enumerate(one.details):
        at = {"x": _n(left + PADDING), "y": _n(top + 36 + 16 * row), "font-size": SMALL, "fill": FAINT}
        canvas.element("text", at, text)


def _loop(canvas: Canvas, one: _Drawn, centre: Point, layout: Layout) -> None:
    """The arrow of a family that refers to itself, beside the box, its label further out."""
    (x, y), reach = centre, 30
    if layout.is_downwards:
        right = x + one.box.width / 2 - STACK
        points = [(right, y + 8), (right + reach, y + 14), (right + reach, y - 14), (right + 3, y - 6)]
        place = {"x": _n(right + reach - 2), "y": _n(y + 4), "text-anchor": "start"}
    else:
        low = y + one.box.height / 2
        points = [(x + 10, low), (x + 18, low + reach), (x - 18, low + reach), (x - 8, low + 2)]
        place = {"x": _n(x), "y": _n(low + reach + 6), "text-anchor": "middle"}
    start, *rest = (f"{_n(across)} {_n(down)}" for across, down in points)
    path = f"M{start} C{' '.join(rest)}"
    line = {"d": path, "fill": "none", "stroke": LINE, "stroke-width": 1.4, "marker-end": "url(#arrow)"}
    canvas.element("path", line)
    if one.loop is not None and one.loop.label:
        canvas.element("text", place | {"font-size": SMALL, "fill": FAINT}, shortened(one.loop.label, LONGEST))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
