"""A view as SVG, laid out here: no other program is needed.

A family is a stack of boxes with its count, a target has a heavy border, a dynamic family a dashed one, what is on the
critical path a black one; colours tell families apart, or workers, where a view knows these: then each box has the
sample of its worker at its left side. Every box has its full name and function as a tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.drawing.canvas import Canvas, coord, shortened, text_width
from compiler.drawing.inks import CRITICAL, CRITICAL_WIDTH, FAINT, INK, LINE, PAPER, PLAIN, arrow, sample_of, tone_of
from compiler.drawing.layout import Box, Layout, Line, Point, lay_out, path_of
from compiler.drawing.sheet import sheet
from compiler.drawing.view import View, ViewEdge, ViewNode

NAME, SMALL = 13.0, 11.0
PADDING = 14.0
STACK = 4.0
STRIP = 7.0
LONGEST = 40
TIMES = "\u00d7"


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
    return sheet(view.name, [subtitle], [GraphPanel(view)])


class GraphPanel:
    """The graph as a part of a sheet."""

    def __init__(self, view: View) -> None:
        loops = {edge.producer: edge for edge in view.edges if edge.producer == edge.consumer}
        self._edges = [edge for edge in view.edges if edge.producer != edge.consumer]
        self._drawn = [_measure(node, loops.get(number)) for number, node in enumerate(view.nodes)]
        lines = [Line(start=edge.producer, end=edge.consumer, label=_label_size(edge.label)) for edge in self._edges]
        self._layout = lay_out([one.box for one in self._drawn], lines)
        self.width = self._layout.width
        self.height = self._layout.height

    def draw(self, canvas: Canvas) -> None:
        _edges(canvas, self._edges, self._layout)
        for one, centre in zip(self._drawn, self._layout.centres, strict=True):
            _node(canvas, one, centre, self._layout)


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


def _edges(canvas: Canvas, edges: list[ViewEdge], layout: Layout) -> None:
    """Those of the critical path last, so that no other crosses over them."""
    canvas.open("g", {"fill": "none", "stroke": LINE, "stroke-width": 1.4})
    for edge, curve in sorted(zip(edges, layout.curves, strict=True), key=lambda pair: pair[0].is_critical):
        look = {"stroke": CRITICAL, "stroke-width": CRITICAL_WIDTH} if edge.is_critical else {}
        head = arrow(canvas, CRITICAL if edge.is_critical else LINE)
        path = path_of(curve.points, is_downwards=layout.is_downwards)
        canvas.element("path", {"d": path, "marker-end": head, **look})
    canvas.close("g")
    for edge, curve in zip(edges, layout.curves, strict=True):
        if curve.label is not None:
            _label(canvas, edge.label, curve.label)


def _label(canvas: Canvas, label: str, centre: Point) -> None:
    """A text on a piece of paper, so that its edge does not strike it out."""
    x, y = centre
    width, height = _label_size(label)
    canvas.element("rect", _rectangle(x - width / 2, y - height / 2, width, height) | {"fill": PAPER})
    canvas.words(shortened(label, LONGEST), x, y + 4, SMALL, FAINT, anchor="middle")


def _rectangle(x: float, y: float, width: float, height: float) -> dict[str, object]:
    return {"x": coord(x), "y": coord(y), "width": coord(width), "height": coord(height)}


def _node(canvas: Canvas, one: _Drawn, centre: Point, layout: Layout) -> None:
    node = one.node
    fill, border = _tone(node)
    stack = 2 * STACK if node.is_many else 0
    width, height = one.box.width - stack, one.box.height - stack
    left, top = centre[0] - one.box.width / 2, centre[1] - one.box.height / 2
    tooltip = "\n".join(text for text in (node.label, node.function, node.tooltip, *node.details) if text)
    canvas.open("g", {"class": node.kind}, tooltip)
    if one.loop is not None:
        _loop(canvas, one, centre, layout)
    outline = _outline(node, border)
    for behind in (2, 1, 0) if node.is_many else (0,):
        place = _rectangle(left + behind * STACK, top + stack - behind * STACK, width, height)
        plain = {"stroke": border, "stroke-width": 1.2}
        canvas.element("rect", place | {"rx": 6, "fill": fill} | (plain if behind else outline))
    if node.worker is not None:
        strip = _rectangle(left + 3, top + stack + 4, STRIP, height - 8)
        canvas.element("rect", strip | {"rx": 2, "fill": sample_of(canvas, node.worker)})
    _texts(canvas, one, (left, top + stack), width, border)
    canvas.close("g")


def _tone(node: ViewNode) -> tuple[str, str]:
    shade = node.shade if node.worker is None else node.worker
    return PLAIN if shade is None else tone_of(shade)


def _outline(node: ViewNode, border: str) -> dict[str, object]:
    dashes = {"stroke-dasharray": "5 3"} if node.is_dynamic else {}
    if node.is_critical:
        return {"stroke": CRITICAL, "stroke-width": CRITICAL_WIDTH, **dashes}
    return {"stroke": border, "stroke-width": 2.4 if node.is_target else 1.2, **dashes}


def _texts(canvas: Canvas, one: _Drawn, corner: Point, width: float, tone: str) -> None:
    left, top = corner
    canvas.words(one.name, left + PADDING, top + 20, NAME, INK, is_bold=True)
    if one.count:
        canvas.words(one.count, left + width - PADDING, top + 20, SMALL, tone, anchor="end")
    for row, text in enumerate(one.details):
        canvas.words(text, left + PADDING, top + 36 + 16 * row, SMALL, FAINT)


def _loop(canvas: Canvas, one: _Drawn, centre: Point, layout: Layout) -> None:
    """The arrow of a family that refers to itself, beside the box, its label further out."""
    (x, y), reach = centre, 30
    if layout.is_downwards:
        right = x + one.box.width / 2 - STACK
        points = [(right, y + 8), (right + reach, y + 14), (right + reach, y - 14), (right + 3, y - 6)]
        place, anchor = (right + reach - 2, y + 4), "start"
    else:
        low = y + one.box.height / 2
        points = [(x + 10, low), (x + 18, low + reach), (x - 18, low + reach), (x - 8, low + 2)]
        place, anchor = (x, low + reach + 6), "middle"
    start, *rest = (f"{coord(across)} {coord(down)}" for across, down in points)
    line = {"d": f"M{start} C{' '.join(rest)}", "fill": "none", "stroke": LINE, "stroke-width": 1.4}
    canvas.element("path", line | {"marker-end": arrow(canvas, LINE)})
    if one.loop is not None and one.loop.label:
        canvas.words(shortened(one.loop.label, LONGEST), *place, SMALL, FAINT, anchor=anchor)
