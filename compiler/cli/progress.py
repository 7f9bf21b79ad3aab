"""Progress on a terminal, otherwise nothing: the bar of a run (when tqdm is there), the line of something long.

It only shows what it is told; the launcher counts, and so does the expansion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from compiler.cli.console import Console

if TYPE_CHECKING:
    from compiler.graph.context import Watch

SHOWN_AFTER_S = 0.5


class Shown(Protocol):
    """What a bar needs of the launcher's progress."""

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...

    @property
    def state(self) -> str: ...


class Bar(Protocol):
    def __call__(self, progress: Shown) -> None: ...


@contextmanager
def progress_bar(console: Console, *, label: str) -> Iterator[Bar]:
    """A function that takes each new count; the bar goes when the run is done, or the block ends."""
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
            if progress.state == "done":
                bar.close()
                return
            bar.total, bar.n = progress.total, progress.done
            bar.refresh()

        yield show


@contextmanager
def expansion_line(console: Console, clock: Callable[[], float] = monotonic) -> Iterator[Watch | None]:
    """A function that shows `expand 61,440/100,000 · 3.1 s` once it takes long; the line goes when the block ends."""
    if console.is_json or not console.err.isatty():
        yield None
        return
    start = clock()
    is_shown = False

    def show(done: int, total: int) -> None:
        nonlocal is_shown
        if (seconds := clock() - start) >= SHOWN_AFTER_S:
            is_shown = True
            print(f"\r\x1b[Kexpand {done:,}/{total:,} \u00b7 {seconds:.1f} s", end="", file=console.err, flush=True)

    try:
        yield show
    finally:
        if is_shown:
            print("\r\x1b[K", end="", file=console.err, flush=True)


@contextmanager
def working_line(console: Console, text: str) -> Iterator[None]:
    """Shows what is being done; the line goes when the block ends."""
    if console.is_json or not console.err.isatty():
        yield
        return
    print(f"\r\x1b[K{text} …", end="", file=console.err, flush=True)
    try:
        yield
    finally:
        print("\r\x1b[K", end="", file=console.err, flush=True)


def _silent(progress: Shown) -> None:
    """Nobody watches."""
