"""A layered drawing: boxes of given sizes and edges with labels become places and curves, without any outside help.

    boxes, edges -> layers (`layers`) -> order in each (`ordering`) -> places (`placing`) -> points of the curves

Downwards by default, to the right when that is the better fit for a page: wide fan-outs read better as a column. A
label is a box of its own in a layer between two, so that nothing ever lies on it; a self-loop's room is kept free
beside its box. Sizes are in pixels; equal input gives an equal layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from compiler.drawing.canvas import coord
from compiler.drawing.layers import Layered, Pair, make_layers
from compiler.drawing.ordering import order_layers
from compiler.drawing.placing import place_boxes

Point = tuple[float, float]

NODE_GAP = 26.0
LAYER_GAP = 58.0
LABELLED_GAP = 30.0
LOOP_ROOM = 26.0
BEND = 6.0
WIDEST = 1_500.0
"""A drawing that would be wider than this goes to the right, when it is not as wide then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What is to be placed. `loop` is the size of the label of its self-loop, None without a loop."""

    width: float
    height: float
    loop: Point | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An edge between two boxes, neither the same; `label` is the size of its text, (0, 0) for none."""

    start: int
    end: int
    label: Point = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """An edge in the drawing: from `points[0]` along alternating curves and straight lines; the label's centre."""

    points: tuple[Point, ...]
    label: Point | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Centres of the boxes, one curve for each line, the extent of it all."""

    centres: tuple[Point, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float
    is_downwards: bool


def lay_out(boxes: Sequence[Box], lines: Sequence[Line]) -> Layout:
    """Place everything, in the better of the two directions."""
    pairs = [(line.start, line.end) for line in lines]
    has_labels = any(line.label != (0.0, 0.0) for line in lines)
    layered = make_layers(len(boxes), pairs, stride=2 if has_labels else 1)
    rows = order_layers(layered)
    downwards = _Direction(boxes, lines, layered, rows, is_downwards=True).layout(pairs)
    if downwards.width <= WIDEST:
        return downwards
    rightwards = _Direction(boxes, lines, layered, rows, is_downwards=False).layout(pairs)
    return min(downwards, rightwards, key=lambda found: found.width)


class _Direction:
    """One drawing in one direction. Sizes and places are kept as (across, along) the direction of the edges."""

    def __init__(
        self,
        boxes: Sequence[Box],
        lines: Sequence[Line],
        layered: Layered,
        rows: Sequence[Sequence[int]],
        *,
        is_downwards: bool,
    ) -> None:
        self._layered = layered
        self._rows = rows
        self._boxes = boxes
        self._is_downwards = is_downwards
        self._stride_gap = LABELLED_GAP if any(line.label != (0.0, 0.0) for line in lines) else LAYER_GAP
        self._loops = [self._turned(box.loop)[0] + LOOP_ROOM if box.loop else 0.0 for box in boxes]
        self._sizes = [self._turned((box.width, box.height)) for box in boxes]
        self._sizes += [(BEND, 0.0)] * (len(layered.layer_of) - len(boxes))
        self._label_box: list[int | None] = [self._label_of(n, line) for n, line in enumerate(lines)]

    def layout(self, pairs: Sequence[Pair]) -> Layout:
        across = place_boxes(
            self._rows,
            self._layered,
            [size + loop for (size, _), loop in zip(self._sizes, self._all_loops(), strict=True)],
            len(self._boxes),
            NODE_GAP if self._is_downwards else NODE_GAP / 2,
        )
        centres = [centre - loop / 2 for centre, loop in zip(across, self._all_loops(), strict=True)]
        tops, bottoms = self._bands()
        middles = [(top + bottom) / 2 for top, bottom in zip(tops, bottoms, strict=True)]
        places = [(centres[box], middles[layer]) for box, layer in enumerate(self._layered.layer_of)]
        curves = [self._curve(number, places, tops, bottoms) for number in range(len(pairs))]
        extent = max(
            (c + s[0] / 2 + loop for c, s, loop in zip(centres, self._sizes, self._all_loops(), strict=True)),
            default=0.0,
        )
        width, height = self._turned((extent, bottoms[-1] if bottoms else 0.0))
        return Layout(
            centres=tuple(self._turned(place) for place in places[: len(self._boxes)]),
            curves=tuple(curves),
            width=width,
            height=height,
            is_downwards=self._is_downwards,
        )

    def _turned(self, point: Point) -> Point:
        return point if self._is_downwards else (point[1], point[0])

    def _all_loops(self) -> list[float]:
        return self._loops + [0.0] * (len(self._sizes) - len(self._loops))

    def _label_of(self, number: int, line: Line) -> int | None:
        """The bend that holds the label of an edge: the last between its ends, at the consumer."""
        if line.label == (0.0, 0.0):
            return None
        chain = self._layered.chains[number]
        held = chain[1] if self._layered.is_turned[number] else chain[-2]
        self._sizes[held] = self._turned(line.label)
        return held

    def _bands(self) -> tuple[list[float], list[float]]:
        """Where each layer begins and ends along the direction."""
        tops, bottoms = [], []
        edge = 0.0
        for row in self._rows:
            tops.append(edge)
            edge += max((self._sizes[box][1] for box in row), default=0.0)
            bottoms.append(edge)
            edge += self._stride_gap
        return tops, bottoms

    def _curve(self, number: int, places: Sequence[Point], tops: Sequence[float], bottoms: Sequence[float]) -> Curve:
        """From the lower side of the upper end through every layer to the upper side of the lower end."""
        chain = self._layered.chains[number]
        points: list[Point] = []
        for box in chain:
            across, along = places[box]
            layer = self._layered.layer_of[box]
            half = self._sizes[box][1] / 2
            ends = (along - half, along + half) if box in (chain[0], chain[-1]) else (tops[layer], bottoms[layer])
            points += [(across, ends[0]), (across, ends[1])]
        points = points[1:-1]
        if self._layered.is_turned[number]:
            points.reverse()
        held = self._label_box[number]
        return Curve(
            points=tuple(self._turned(point) for point in points),
            label=None if held is None else self._turned(places[held]),
        )


def path_of(points: Sequence[Point], *, is_downwards: bool) -> str:
    """The data of an SVG path: a curve between layers, a straight line through one, and so on."""
    parts = [f"M{coord(points[0][0])} {coord(points[0][1])}"]
    for segment, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        if segment % 2:
            parts.append(f"L{coord(x1)} {coord(y1)}")
        elif is_downwards:
            middle = coord((y0 + y1) / 2)
            parts.append(f"C{coord(x0)} {middle} {coord(x1)} {middle} {coord(x1)} {coord(y1)}")
        else:
            middle = coord((x0 + x1) / 2)
            parts.append(f"C{middle} {coord(y0)} {middle} {coord(y1)} {coord(x1)} {coord(y1)}")
    return " ".join(parts)
