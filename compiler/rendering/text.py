"""Text for a terminal: how wide it is, where it breaks, and nothing in it that a terminal would obey."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from math import isfinite

_UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, marks that reorder or hide text, ends of lines, and halves of a surrogate pair."""

_CONTROL_PICTURES = 0x2400
_MAX_PROSE = 2000
_MAX_VALUE = 40


def printable(text: str) -> str:
    """The text with one harmless character in place of each that a terminal would obey; a tab becomes a space."""
    return text if text.isascii() and text.isprintable() else _UNSHOWN.sub(_picture, text)


def prose(text: str) -> str:
    """A message as one printable line, cut when nobody would read on."""
    flat = printable(text.replace("\n", " "))
    return flat if len(flat) <= _MAX_PROSE else flat[: _MAX_PROSE - 1] + "…"


def cells(text: str) -> int:
    """Columns of a terminal that a printable text takes."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def wrap(text: str, room: int, *, first_room: int | None = None) -> list[str]:
    """The text in rows of at most `room` columns, the first of `first_room`; words wider than a row are broken."""
    rows, row, left = [], "", room if first_room is None else first_room
    for found in re.finditer(r"\s*\S+", text):
        word = found.group()
        if row and cells(row) + cells(word) > left:
            rows.append(row)
            row, word, left = "", word.lstrip(), room
        while cells(word) > left:
            piece = _head(word, left)
            rows.append(piece)
            word, left = word[len(piece) :], room
        row += word
    return [*rows, row]


def plain(value: object) -> object:
    """A bound value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


def show_value(value: object) -> str:
    """A bound value in a message, short."""
    text = prose(str(plain(value)))
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code == 0x09:
        return " "
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == 0x7F else "\ufffd"


def _cell(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _head(word: str, room: int) -> str:
    """The beginning of a word that takes `room` columns at most, one character at least."""
    width = 0
    for index, char in enumerate(word):
        width += _cell(char)
        if width > room:
            return word[: max(1, index)]
    return word
