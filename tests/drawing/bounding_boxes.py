"""The texts of a picture as rectangles, and what holds of these in a picture that can be read.

Widths are reckoned with the advance of DejaVu Sans Mono at the size of a text, wide characters twice, unless the
picture says how wide a text is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
ADVANCE = 0.602
ASCENT, DESCENT = 0.76, 0.24
ROUNDING = 0.6


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    what: str

    def meets(self, other: Rectangle) -> bool:
        """Whether the two overlap by more than what coordinates are rounded by."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > ROUNDING
            and min(self.bottom, other.bottom) - max(self.top, other.top) > ROUNDING
        )

    def is_within(self, other: Rectangle) -> bool:
        return (
            self.left >= other.left - ROUNDING
            and self.right <= other.right + ROUNDING
            and self.top >= other.top - ROUNDING
            and self.bottom <= other.bottom + ROUNDING
        )


class Group(NamedTuple):
    """What one `g` holds itself: its texts and its rectangles."""

    texts: tuple[Rectangle, ...]
    rectangles: tuple[Rectangle, ...]


def groups_of(svg: str) -> Iterator[Group]:
    """Every group of the picture, the document itself last, in places of the canvas."""
    yield from _groups(ElementTree.fromstring(svg), 0.0, 0.0)


def canvas_of(svg: str) -> Rectangle:
    root = ElementTree.fromstring(svg)
    return Rectangle(0.0, 0.0, float(root.attrib["width"]), float(root.attrib["height"]), "canvas")


def _groups(element: ElementTree.Element, x: float, y: float) -> Iterator[Group]:
    if moved := element.get("transform"):
        across, down = moved.removeprefix("translate(").removesuffix(")").split()
        x, y = x + float(across), y + float(down)
    for child in element.findall(f"{SVG}g"):
        yield from _groups(child, x, y)
    yield Group(
        tuple(_text(one, x, y) for one in element.findall(f"{SVG}text")),
        tuple(_rectangle(one, x, y) for one in element.findall(f"{SVG}rect") if one.get("width") != "100%"),
    )


def _text(element: ElementTree.Element, x: float, y: float) -> Rectangle:
    text, size = element.text or "", float(element.attrib["font-size"])
    cells = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
    width = float(element.get("textLength", cells * ADVANCE * size))
    left = float(element.attrib["x"]) + x
    left -= {"start": 0.0, "middle": width / 2, "end": width}[element.get("text-anchor", "start")]
    baseline = float(element.attrib["y"]) + y
    return Rectangle(left, baseline - ASCENT * size, left + width, baseline + DESCENT * size, text)


def _rectangle(element: ElementTree.Element, x: float, y: float) -> Rectangle:
    left, top = float(element.attrib["x"]) + x, float(element.attrib["y"]) + y
    width, height = float(element.attrib["width"]), float(element.attrib["height"])
    return Rectangle(left, top, left + width, top + height, "box")


def assert_legible(svg: str) -> None:
    """No text lies on another or leaves the canvas, and none leaves the box that it stands in."""
    canvas, groups = canvas_of(svg), list(groups_of(svg))
    texts = sorted(text for group in groups for text in group.texts)
    for text in texts:
        assert text.is_within(canvas), f"{text} leaves {canvas}"
    assert not list(_overlapping(texts))


def assert_in_boxes(svg: str) -> None:
    """Where a group has boxes, and is no row of a list with its sample at the left, its texts stand in one of them."""
    for group in groups_of(svg):
        for text in group.texts if group.rectangles else ():
            inside = [box for box in group.rectangles if text.left >= box.left and text.left < box.right]
            assert not inside or any(text.is_within(box) for box in inside), f"{text} leaves its box {inside}"


def _overlapping(texts: list[Rectangle]) -> Iterator[tuple[Rectangle, Rectangle]]:
    """Pairs of texts that lie on one another; `texts` from left to right."""
    near: list[Rectangle] = []
    for text in texts:
        near = [one for one in near if one.right > text.left]
        yield from ((one, text) for one in near if one.meets(text))
        near.append(text)
