"""Assignments by rule: for given sizes and a number of workers, one by list scheduling and one by contiguous blocks.

The first ends each task as soon as it can, the second moves less where a graph is a tree or many chains. Which is
better, and how many workers are, is for who asks to find out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.planner.blocks import blocks
from compiler.planner.candidate import Candidate
from compiler.planner.figures import Figures
from compiler.planner.lists import list_schedule
from compiler.planner.terms import terms_of


def clusterings(figures: Figures, size_of: Sequence[int], workers: int) -> Iterator[Candidate]:
    """Two of them on at most so many workers besides the user's own; each instance gets the memory that is stated."""
    terms = terms_of(figures, size_of, workers)
    yield _candidate(figures, blocks(figures, terms), size_of, "in a block of its depth")
    yield _candidate(figures, list_schedule(figures, terms).worker_of, size_of, "where it ends first")


def _candidate(figures: Figures, worker_of: Sequence[int], size_of: Sequence[int], origin: str) -> Candidate:
    pinned = len(figures.problem.pins[0])
    memory_mb = {worker: size for worker, size in zip(worker_of, size_of, strict=True) if worker >= pinned}
    return Candidate(worker_of=worker_of, memory_mb=memory_mb, origin=origin)
