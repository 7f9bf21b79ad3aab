"""Tables fit the screen, whatever alphabet names are in."""

from __future__ import annotations

import pytest

from compiler.cli.tables import cut, shortened, table
from compiler.rendering.text import cells

ROWS = [("NAME", "N", "FROM"), ("a" * 60, "1,000", "12 samples, by input bytes"), ("日本語の名前" * 6, "2", "default")]


@pytest.mark.parametrize("width", [40, 60, 200])
def test_no_row_is_wider_than_asked_for(width):
    assert max(map(cells, table(ROWS, width, left=(0, 2)))) <= width


def test_figures_end_at_one_line():
    found = [
        line.rindex(figure) + len(figure) for line, figure in zip(table(ROWS[:2], 200), ("N", "1,000"), strict=True)
    ]
    assert found[0] == found[1]


def test_a_short_text_stays_and_a_long_one_says_that_it_was_cut():
    assert cut("short", 5) == shortened("short", 5) == "short"
    assert cut("much longer", 5) == "much…"
    assert shortened("much longer", 7) == "muc…ger"
