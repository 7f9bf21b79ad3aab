"""The progress bar of a run: on a terminal, when tqdm is there; otherwise nothing.

It only shows what it is told; the launcher counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from compiler.cli.console import Console


class Shown(Protocol):
    """What a bar needs of the launcher's progress."""

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...


class Bar(Protocol):
    def __call__(self, progress: Shown) -> None: ...


@contextmanager
def progress_bar(console: Console, *, label: str) -> Iterator[Bar]:
    """A function that takes each new count; the bar goes when the block ends."""
    if console.is_json or not console.err.isatty():
        yield _silent
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield _silent
        return
    with tqdm(desc=label, unit=" tasks", file=console.err, leave=False, dynamic_ncols=True) as bar:

        def show(progress: Shown) -> None:
            bar.total, bar.n = progress.total, progress.done
            bar.refresh()

        yield show


def _silent(progress: Shown) -> None:
    """Nobody watches."""
