"""A picture in SVG, written as text: the elements that drawings are made of, every text escaped.

Widths are those of a monospaced font, so that what is measured here is what is seen wherever it is opened. Nothing
here knows what is drawn: graphs (`svg`) today, anything with boxes and curves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

FONT = "'DejaVu Sans Mono', Menlo, Consolas, ui-monospace, monospace"
ADVANCE = 0.602
"""The width of a character of the font, in its size."""


class Canvas:
    """Elements in order of drawing; `text()` gives the whole picture."""

    def __init__(self, *, width: float, height: float, title: str) -> None:
        self._width = width
        self._height = height
        self._title = title
        self._parts: list[str] = []

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
        return "\n".join([head, title, *self._parts, "</svg>"])


def text_width(text: str, size: float) -> float:
    """How wide a text is at a font size; wide characters of East Asian scripts count twice."""
    cells = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
    return cells * size * ADVANCE


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
