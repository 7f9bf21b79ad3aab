"""A picture in SVG, written as text: the elements that drawings are made of, every text escaped.

Widths are those of a monospaced font, so that what is measured here is what is seen wherever it is opened; a text of
characters that such a font may not have is told how wide it may be. Nothing here knows what is drawn.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

FONT = "'DejaVu Sans Mono', Menlo, Consolas, ui-monospace, monospace"
ADVANCE = 0.602
"""The width of a character of the font, in its size."""
IN_FONT = "\N{HORIZONTAL ELLIPSIS}"
"""What drawings themselves write beside Latin letters."""
LEAST_CHARACTERS = 4
"""A name of which less is left says nothing."""


class Canvas:
    """Elements in order of drawing; `text()` gives the whole picture. It needs nothing beside itself to be seen."""

    def __init__(self, *, width: float, height: float, title: str) -> None:
        self._width = width
        self._height = height
        self._title = title
        self._parts: list[str] = []
        self._definitions: dict[str, str] = {}

    def define(self, name: str, definition: str) -> str:
        """What fills and lines refer to, as SVG, once for each name. The answer is what refers to it."""
        self._definitions.setdefault(name, definition)
        return f"url(#{name})"

    def words(
        self, text: str, x: float, y: float, size: float, fill: str, *, anchor: str = "start", is_bold: bool = False
    ) -> None:
        """One line of text, its left end, middle or right end at `x` as `anchor` says, its baseline at `y`."""
        attributes: dict[str, object] = {"x": coord(x), "y": coord(y), "font-size": coord(size), "fill": fill}
        if anchor != "start":
            attributes["text-anchor"] = anchor
        if is_bold:
            attributes["font-weight"] = "bold"
        if not _has_known_width(text):
            attributes |= {"textLength": coord(text_width(text, size)), "lengthAdjust": "spacingAndGlyphs"}
        self.element("text", attributes, text)

    def element(self, tag: str, attributes: Mapping[str, object], content: str = "") -> None:
        """One element; `content` is text."""
        written = "".join(f" {name}={quoteattr(clean(str(value)))}" for name, value in attributes.items())
        self._parts.append(f"<{tag}{written}>{escape(clean(content))}</{tag}>" if content else f"<{tag}{written}/>")

    def open(self, tag: str, attributes: Mapping[str, object], tooltip: str = "") -> None:
        written = "".join(f" {name}={quoteattr(clean(str(value)))}" for name, value in attributes.items())
        self._parts.append(f"<{tag}{written}>")
        if tooltip:
            self.element("title", {}, tooltip)

    def close(self, tag: str) -> None:
        self._parts.append(f"</{tag}>")

    def text(self) -> str:
        width, height = f"{self._width:.0f}", f"{self._height:.0f}"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">'
        )
        title = f"<title>{escape(clean(self._title))}</title>"
        definitions = ["<defs>", *self._definitions.values(), "</defs>"] if self._definitions else []
        return "\n".join([head, title, *definitions, *self._parts, "</svg>"])


def coord(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def text_width(text: str, size: float) -> float:
    """How wide a text is at a font size; wide characters of East Asian scripts count twice."""
    cells = len(text) if text.isascii() else sum(map(_cells, text))
    return cells * _advance(size)


def _advance(size: float) -> float:
    """Of one character; some programs round it to whole pixels."""
    return max(size * ADVANCE, float(round(size * ADVANCE)))


def _cells(one: str) -> int:
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


def _has_known_width(text: str) -> bool:
    """Whether the font has all of it, or it is of the scripts whose characters fill a square."""
    return text.isascii() or all(ord(one) < 0x250 or one in IN_FONT or _cells(one) == 2 for one in text)


def fitting(text: str, width: float, size: float) -> str:
    """The text, its middle left out as far as it needs; "" where not even some characters fit."""
    if text_width(text, size) <= width:
        return text
    for keep in range(min(len(text) - 1, int(width / _advance(size))), LEAST_CHARACTERS - 1, -1):
        short = shortened(text, keep)
        if text_width(short, size) <= width:
            return short
    return ""


def shortened(text: str, limit: int) -> str:
    """At most so many characters, the middle left out: both ends of a name tell most."""
    if len(text) <= limit:
        return text
    keep = limit - 1
    return f"{text[: keep - keep // 3]}…{text[len(text) - keep // 3 :]}"


def clean(text: str) -> str:
    """The text without what XML cannot hold, and without control characters, which it discourages."""
    return "".join(one if _is_allowed(ord(one)) else "\ufffd" for one in text)


def _is_allowed(code: int) -> bool:
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0x7E
        or 0xA0 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or code >= 0x10000
    )
