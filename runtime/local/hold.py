"""Who uses a kept stack: a lock file in its folder, shared by its users, that the kernel lets go when one dies.

A stack that ends by itself (`treadle run --detach` started it) takes the lock whole before it goes, so that nobody
begins to use what is about to end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "hold"
STAY = "stay"


class StackEnding(Exception):
    """The stack is about to end."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Use the stack in `directory` inside. Raises `StackEnding` when it is going, or gone."""
    try:
        lock = os.open(directory / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError as err:
        raise StackEnding from err
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise StackEnding from err
        yield
    finally:
        os.close(lock)


def stay(directory: Path) -> None:
    """Have the stack stay when nobody uses it, as `treadle local start` promises."""
    (directory / STAY).touch()


class Vacancy:
    """The stack's own side: whether nobody uses it, and taking it whole."""

    def __init__(self, directory: Path) -> None:
        self._stay = directory / STAY
        self._lock = os.open(directory / NAME, os.O_RDWR | os.O_CREAT, 0o600)

    def is_free(self) -> bool:
        """Nobody uses the stack now, and it need not stay."""
        if self._stay.exists() or not self.take():
            return False
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        return True

    def take(self) -> bool:
        """Keep every user out for good; False when somebody uses the stack."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
