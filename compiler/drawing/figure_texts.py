"""Figures of one task, or of many, in few words. What nobody knows is `?`, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from compiler.drawing.figures import TaskFigures
from runtime.quantities import format_size, seconds_text

NAMED_WORKERS = 3


def places_text(places: Sequence[str]) -> str:
    if "" in places:
        return "any worker" if len(places) == 1 else f"{len(places) - 1:,} workers or any"
    return ", ".join(places) if len(places) <= NAMED_WORKERS else f"{len(places):,} workers"


def memory_text(sizes: Iterable[int | None]) -> str:
    known = sorted({size for size in sizes if size is not None})
    if not known:
        return "? MB"
    return f"{known[0]:,} MB" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,} MB"


def bytes_text(sizes: Iterable[int | None]) -> str:
    """The sum, `?` when any is unknown."""
    total = 0
    for size in sizes:
        if size is None:
            return "?"
        total += size
    return format_size(total)


def time_text(seconds: float | None) -> str:
    return "?" if seconds is None else seconds_text(seconds)


def _known(times: Iterable[float | None]) -> list[float]:
    return sorted(one for one in times if one is not None)


def span_text(times: Sequence[float | None]) -> str:
    known = _known(times)
    return f"{seconds_text(known[0])} to {seconds_text(known[-1])}" if known else "?"


def range_text(times: Sequence[float | None]) -> str:
    """The shortest, the median and the longest, or one where they are the same."""
    known = _known(times)
    if not known:
        return "?"
    found = [seconds_text(one) for one in (known[0], median(known), known[-1])]
    return " | ".join(found) if len(set(found)) > 1 else found[0]


def sources_text(figures: Iterable[TaskFigures]) -> str:
    """Where times are known from; nothing where none is known."""
    found = list(dict.fromkeys(one.source for one in figures if one.source and one.exec_s is not None))
    if not found:
        return ""
    more = len(found) - 1
    others = "another source" if more == 1 else f"{more:,} other sources"
    return f"from {found[0]} and {others}" if more else f"from {found[0]}"


def first_text(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"
