"""A sheet: a title and panels under one another, each in the middle, as one SVG document.

What a panel shows is its own business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from compiler.drawing.canvas import Canvas, fitting, text_width
from compiler.drawing.inks import FAINT, INK, PAPER

MARGIN, HEAD, BETWEEN = 24.0, 58.0, 36.0
TITLE, SMALL = 18.0, 11.0
LINE_HEIGHT = 16.0
WIDEST_TITLE = 1_400.0


class Panel(Protocol):
    """A part of a sheet. It draws from (0, 0) to (`width`, `height`) and keeps within."""

    @property
    def width(self) -> float: ...

    @property
    def height(self) -> float: ...

    def draw(self, canvas: Canvas) -> None: ...


def sheet(title: str, subtitles: Sequence[str], panels: Sequence[Panel]) -> str:
    """The text of an SVG document. Equal input gives an equal text."""
    shown = fitting(title, WIDEST_TITLE, TITLE)
    lines = [fitting(line, WIDEST_TITLE, SMALL) for line in subtitles if line]
    widths = [panel.width for panel in panels] + [text_width(line, SMALL) for line in lines]
    inner = max([text_width(shown, TITLE), *widths])
    head = HEAD + max(0, len(lines) - 1) * LINE_HEIGHT
    body = sum(panel.height for panel in panels) + BETWEEN * max(0, len(panels) - 1)
    canvas = Canvas(width=inner + 2 * MARGIN, height=head + body + 2 * MARGIN, title=title)
    canvas.element("rect", {"width": "100%", "height": "100%", "fill": PAPER})
    canvas.words(shown, MARGIN, MARGIN + 16, TITLE, INK, is_bold=True)
    for number, line in enumerate(lines):
        canvas.words(line, MARGIN, MARGIN + 36 + number * LINE_HEIGHT, SMALL, FAINT)
    top = head + MARGIN
    for panel in panels:
        left = MARGIN + (inner - panel.width) / 2
        canvas.open("g", {"transform": f"translate({left:.0f} {top:.0f})"})
        panel.draw(canvas)
        canvas.close("g")
        top += panel.height + BETWEEN
    return canvas.text()
