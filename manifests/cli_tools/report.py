"""The last task is a function: commands and functions hand values to one another."""

from __future__ import annotations

from collections import Counter
from typing import Any


def compare(names: list[str], tops: list[dict[str, Any]], mentions: list[list[str]]) -> dict[str, Any]:
    """For each text its figures and the lines that mention the word; and in how many texts each word leads."""
    texts = {
        name: {**figures, "mentions": len(lines), "first": lines[0] if lines else None}
        for name, figures, lines in zip(names, tops, mentions, strict=True)
    }
    leading = Counter(word for figures in tops for word, _ in figures["top"])
    return {"texts": texts, "leading": dict(sorted(leading.items(), key=lambda item: (-item[1], item[0])))}
