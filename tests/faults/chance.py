"""Which faults strike a run: drawn from a seed, or named one by one to replay and to shrink a failure.

Every kind has a stream of its own and counts the occasions at which it might strike, so a fault is named by its
kind and the number of its occasion (`crash:17`), and leaving one out moves no other before it would have struck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Literal

Kind = Literal[
    "crash",
    "freeze",
    "time_up",
    "lose_reply",
    "lose_hint",
    "lose_call",
    "duplicate",
    "delay",
    "throttle",
    "slow",
    "rollback",
    "flush",
    "lose_value",
    "clock_jump",
    "launcher_death",
    "cancel",
    "vanish",
    "second_launcher",
    "resume",
]
Fault = tuple[Kind, int]


class Chance:
    """The faults of one run. `struck` lists those that came, in order; `occasions` counts where one might have.

    With `only`, these strike and no others, whatever is drawn of rates and budgets.
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[Kind, float],
        budgets: Mapping[Kind, int],
        only: frozenset[Fault] | None = None,
    ) -> None:
        self._seed = seed
        self._rates = rates
        self._left = dict(budgets)
        self._only = only
        self._streams = {kind: Random(f"{seed}/{kind}") for kind in rates}
        self.occasions: Counter[Kind] = Counter()
        self.struck: list[Fault] = []

    def strikes(self, kind: Kind) -> Random | None:
        """The fault's own source of details when it strikes at this occasion, else None."""
        if self._only is None and kind not in self._rates:
            return None
        occasion = self.occasions[kind]
        self.occasions[kind] += 1
        if not self._does_strike(kind, occasion):
            return None
        self.struck.append((kind, occasion))
        return Random(f"{self._seed}/{kind}/{occasion}")

    def _does_strike(self, kind: Kind, occasion: int) -> bool:
        if self._only is not None:
            return (kind, occasion) in self._only
        if self._left[kind] == 0 or self._streams[kind].random() >= self._rates[kind]:
            return False
        self._left[kind] -= 1
        return True


def fault_text(faults: list[Fault]) -> str:
    """`crash:17,delay:3`, as the command line takes them."""
    return ",".join(f"{kind}:{occasion}" for kind, occasion in faults)


def read_faults(text: str) -> frozenset[Fault]:
    """The inverse of `fault_text`. Raises ValueError."""
    found: set[Fault] = set()
    for part in filter(None, text.split(",")):
        kind, _, occasion = part.partition(":")
        if kind not in Kind.__args__:  # type: ignore[attr-defined]
            raise ValueError(f"no kind of fault: {kind}")
        found.add((kind, int(occasion)))  # type: ignore[arg-type]
    return frozenset(found)
