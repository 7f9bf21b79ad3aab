"""A pause of the garbage collector, for work that makes many small objects which all live on.

The collector would look through them again and again and find nothing: that costs up to several times the work.
What a caller may pause is decided where it is paused.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused(*, ages: bool = True) -> Iterator[None]:
    """Keep the collector off meanwhile; afterwards it is as it was. May be nested; also a decorator.

    With `ages` what was made counts as old then: else the collector's very next step would look through all of it. An
    environment goes without: that asks how much its fork server has frozen, which counts some 100,000 objects one by
    one, and takes longer than the work.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if ages:
                _age()
            gc.enable()


def _age() -> None:
    """Move every object to the oldest generation, unless the program has frozen some, which this would thaw."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
