"""Where a search begins: candidates made by rule, for several numbers of workers and memory sizes."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.planner.search.blocks import in_blocks
from compiler.planner.search.candidate import Candidate
from compiler.planner.search.flexible import flexible, trunk_pinned
from compiler.planner.search.listing import listed
from compiler.planner.search.weights import Weights

STEP = 1.5
"""Numbers of workers that are tried grow by this factor."""

CROWDS = (2, 4)
"""So many times as many workers as may live at once are tried, too."""


def pinned_seeds(weights: Weights) -> Iterator[Candidate]:
    """Assignments, those first that a large graph should not go without.

    More workers than may live at once are not lost: they wait for an environment, and whoever is free takes the next,
    so that one long task holds up nobody who was pinned beside it.
    """
    most = _most(weights)
    counts, sizes = _counts(most), weights.sizes
    fast = sizes[-1]
    yield listed(weights, counts[-1], fast)
    yield in_blocks(weights, counts[-1], fast)
    yield listed(weights, 1, fast)
    for count in _crowds(weights, most):
        yield listed(weights, count, fast)
        yield in_blocks(weights, count, fast)
    for count in reversed(counts[1:-1]):
        yield listed(weights, count, fast)
        yield in_blocks(weights, count, fast)
    for size in reversed(sizes[:-1]):
        for count in reversed(counts):
            yield listed(weights, count, size)
            yield in_blocks(weights, count, size)


def flexible_seeds(weights: Weights, planner: str) -> Iterator[Candidate]:
    """Plans whose workers are found at run time; none where the user says how many there are."""
    if weights.problem.options.workers is not None:
        return
    roots, concurrency = len(weights.quick.roots), weights.problem.options.concurrency
    entries = _counts(max(1, min(roots, concurrency - 1)))
    for size in reversed(weights.sizes):
        for count in reversed(entries):
            yield flexible(weights, count, size, planner)
            if (hybrid := trunk_pinned(weights, count, size, planner)) is not None:
                yield hybrid


def _most(weights: Weights) -> int:
    """As many workers as the user says, or as may live at once besides the user's own; no more than tasks."""
    problem, asked = weights.problem, weights.problem.options.workers
    wanted = problem.options.concurrency - len(problem.pins[0]) if asked is None else asked
    return max(1, min(wanted, len(problem.graph)))


def _crowds(weights: Weights, most: int) -> list[int]:
    """More than may live at once."""
    if weights.problem.options.workers is not None:
        return []
    return sorted({min(len(weights.problem.graph), most * times) for times in CROWDS} - {most})


def _counts(most: int) -> list[int]:
    """1, 2, 3, 5, 7 and so on up to `most`, which is one of them."""
    found, count = [], 1.0
    while count < most:
        found.append(int(count))
        count = max(count + 1, count * STEP)
    return [*dict.fromkeys(found), most]
