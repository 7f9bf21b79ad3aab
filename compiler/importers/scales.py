"""What an import makes of recorded seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """Recorded seconds and bytes times these; `how` is sleep or burn."""

    time: float = 1.0
    bytes: float = 1.0
    how: str = "sleep"

    def size(self, size: int) -> int:
        """As the manifest's own expression computes it."""
        return int(size * self.bytes)


def rounded_down(value: float) -> float:
    """A scale to propose, to one digit: 0.17 is 0.1."""
    unit = 10.0 ** floor(log10(value))
    return float(f"{floor(value / unit) * unit:.1g}")
