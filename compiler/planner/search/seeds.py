"""Where a search begins: candidates made by rule, for several numbers of workers and memory sizes."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.planner.candidate import Candidate
from compiler.planner.clusters import clusterings
from compiler.planner.search.flexible import flexible, trunk_pinned
from compiler.planner.search.limits import Limits

COARSE, FINE = 1.5, 1.1
"""Numbers of workers that are tried grow by these factors."""

CROWDS = (2, 4)
"""So many times as many workers as may live at once are tried, too."""


def pinned_seeds(limits: Limits) -> Iterator[Candidate]:
    """Assignments, those first that a large graph should not go without.

    More workers than may live at once are not lost: they wait for an environment, and whoever is free takes the next,
    so that one long task holds up nobody who was pinned beside it.
    """
    most, sizes = _most(limits), limits.sizes
    counts, fast = _counts(most, COARSE), sizes[-1]
    middle = counts[len(counts) // 2]
    pairs = [(fast, most), *[(size, 1) for size in reversed(sizes)], (fast, middle)]
    pairs += [(size, count) for size in reversed(sizes) for count in (most, middle)]
    pairs += [(fast, count) for count in (*_crowds(limits, most), *reversed(counts))]
    pairs += [(size, count) for size in reversed(sizes[:-1]) for count in reversed(counts)]
    pairs += [(size, count) for size in reversed(sizes) for count in reversed(_counts(most, FINE))]
    for size, count in dict.fromkeys(pairs):
        yield from clusterings(limits.quick.figures, limits.size_of(size), count)


def flexible_seeds(limits: Limits, planner: str) -> Iterator[Candidate]:
    """Plans whose workers are found at run time; none where the user says how many there are."""
    if limits.problem.options.workers is not None:
        return
    roots, concurrency = len(limits.quick.roots), limits.problem.options.concurrency
    entries = _counts(max(1, min(roots, concurrency)), COARSE)
    for size in reversed(limits.sizes):
        for count in reversed(entries):
            yield flexible(limits, count, size, planner)
            if (hybrid := trunk_pinned(limits, count, size, planner)) is not None:
                yield hybrid


def _most(limits: Limits) -> int:
    """As many workers as the user says, or as may live at once besides the user's own; no more than tasks."""
    problem, asked = limits.problem, limits.problem.options.workers
    wanted = problem.options.concurrency - len(problem.pins[0]) if asked is None else asked
    return max(1, min(wanted, len(problem.graph)))


def _crowds(limits: Limits, most: int) -> list[int]:
    """More than may live at once."""
    if limits.problem.options.workers is not None:
        return []
    return sorted({min(len(limits.problem.graph), most * times) for times in CROWDS} - {most})


def _counts(most: int, step: float) -> list[int]:
    """1, 2, 3 and so on up to `most`, which is one of them, growing by that factor at least."""
    found, count = [], 1.0
    while count < most:
        found.append(int(count))
        count = max(count + 1, count * step)
    return [*dict.fromkeys(found), most]
