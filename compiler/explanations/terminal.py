"""A code's page on a terminal: headings bold, prose filled to the width, code indented. Knows the little Markdown that
the pages use: paragraphs, lists, fences.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from compiler.diagnostics import CODES
from compiler.explanations import DEFAULT_FILE, Page

WIDTH = 100
_BOLD, _DIM = "1", "2"


def render_page(page: Page, *, colour: bool = False, width: int = WIDTH) -> str:
    """The whole page."""
    lines = [f"{_paint(f'{page.code} {page.slug}', _BOLD, colour)}: {page.title}", ""]
    lines += _body(page.text, colour=colour, width=width)
    for heading, example in (("Wrong", page.wrong), ("Right", page.right)):
        if example is not None:
            lines += ["", _paint(heading, _BOLD, colour), ""]
            lines += _body(example.text, colour=colour, width=width)
    return "\n".join(lines)


def render_list(*, colour: bool = False) -> str:
    """Every code with its slug and title, a line each."""
    longest = max(len(slug) for slug, _ in CODES.values())
    rows = []
    for code in sorted(CODES):
        slug, title = CODES[code]
        rows.append(f"{_paint(code, _BOLD, colour)}  {slug.ljust(longest)}  {title}")
    return "\n".join(rows)


def _body(text: str, *, colour: bool, width: int) -> Iterator[str]:
    """The blocks of a text, an empty line between them."""
    is_first = True
    for block in _blocks(text):
        if not is_first:
            yield ""
        is_first = False
        if block[0].startswith("```"):
            yield from _code(block, colour)
        else:
            for item in _items(block):
                indent = "  " if item.startswith("- ") else ""
                yield from textwrap.wrap(
                    item, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
                )


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines between empty ones; a fence is a block whatever it holds."""
    block: list[str] = []
    is_code = False
    for line in text.splitlines():
        is_fence = line.startswith("```")
        if (not is_code and (is_fence or not line)) and block:
            yield block
            block = []
        if line or is_code:
            block.append(line)
        if is_fence:
            is_code = not is_code
            if not is_code:
                yield block
                block = []
    if block:
        yield block


def _code(block: list[str], colour: bool) -> Iterator[str]:
    kind, *words = block[0].removeprefix("```").split()
    if kind not in ("console", "text"):
        name = next((word for word in words if "." in word), DEFAULT_FILE)
        yield "  " + _paint(name, _DIM, colour)
    yield from (f"    {line}".rstrip() for line in block[1:-1])


def _items(block: list[str]) -> Iterator[str]:
    """The paragraphs of a block: one, or one for each item of a list."""
    item: list[str] = []
    for line in block:
        if line.startswith("- ") and item:
            yield " ".join(item)
            item = []
        item.append(line.strip())
    yield " ".join(item)


def _paint(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text
