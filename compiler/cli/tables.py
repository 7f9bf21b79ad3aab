"""Tables for a terminal: names to the left, figures to the right, and nothing wider than the screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.rendering.text import cells

LEAST_NAME = 8
GAP = 2


def table(rows: Sequence[Sequence[str]], width: int, *, left: Sequence[int] = (0,)) -> Iterator[str]:
    """Rows, the first one their heads, in columns; those in `left` begin at one line, the others end at one.

    The first column loses its middle where a name is too long for the screen; the last one its end.
    """
    sizes = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    others = sum(sizes[1:]) + GAP * (len(sizes) - 1)
    if others + sizes[0] > width and len(sizes) - 1 in left:
        spare = width - (others - sizes[-1]) - min(sizes[0], 2 * LEAST_NAME)
        sizes[-1] = min(sizes[-1], max(LEAST_NAME, spare))
        others = sum(sizes[1:]) + GAP * (len(sizes) - 1)
    sizes[0] = min(sizes[0], max(LEAST_NAME, width - others))
    for row in rows:
        texts = [shortened(row[0], sizes[0]), *row[1:-1], cut(row[-1], sizes[-1])] if len(row) > 1 else list(row)
        aligned = [
            _left(text, size) if column in left else _right(text, size)
            for column, (text, size) in enumerate(zip(texts, sizes, strict=True))
        ]
        yield (" " * GAP).join(aligned).rstrip()


def cut(text: str, width: int) -> str:
    """The text, without its end where it is too long."""
    if cells(text) <= width:
        return text
    kept = ""
    for letter in text:
        if cells(kept + letter) > width - 1:
            break
        kept += letter
    return f"{kept}…"


def shortened(text: str, width: int) -> str:
    """The text, without its middle where it is too long."""
    if cells(text) <= width:
        return text
    tail = ""
    for letter in reversed(text):
        if cells(letter + tail) > (width - 1) // 2:
            break
        tail = letter + tail
    return f"{cut(text, width - cells(tail))}{tail}"


def _left(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cells(text)) + text
