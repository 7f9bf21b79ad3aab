"""What `treadle explain` says of diagnostic codes: one page, or the list of all."""

from __future__ import annotations

import re

from compiler.cli.arguments import UsageError, meant
from compiler.cli.console import Console
from compiler.diagnostics import CODES
from compiler.explanations import look_up, page, to_json
from compiler.explanations.terminal import render_list, render_page

_CODE = re.compile(r"[EW]\d{3}", re.IGNORECASE)


def is_code(word: str) -> bool:
    """Whether a word names a code, by its number or its slug, in any case; or has the form of a code."""
    return look_up(word) is not None or _CODE.fullmatch(word) is not None


def show_code(word: str, console: Console) -> None:
    """The page of one code. Raises UsageError when there is no such code."""
    code = look_up(word)
    if code is None:
        names = [*CODES, *(slug for slug, _ in CODES.values())]
        raise UsageError(f"there is no code {word}{meant(word, names)}", hint="`treadle explain` lists all")
    if console.is_json:
        console.json(to_json(page(code)))
    else:
        console.say(render_page(page(code), colour=console.has_colour(console.out)))


def show_codes(console: Console) -> None:
    """Every code in a line."""
    if console.is_json:
        console.json([{"code": code, "slug": CODES[code][0], "title": CODES[code][1]} for code in sorted(CODES)])
    else:
        console.say(render_list(colour=console.has_colour(console.out)))
