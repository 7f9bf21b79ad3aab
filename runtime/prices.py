"""What a target takes for work: of its profile the part that a bundle carries, so that every run's cost can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

MB_PER_GB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars: of a GB-second by architecture, and of a request."""

    gb_second_usd: Mapping[str, float]
    request_usd: float

    def gb_second(self, env_class: str) -> float:
        """Of a GB-second in a class of environments, by the architecture in its name; the dearest of all when that is
        none of the target's."""
        return next(
            (price for arch, price in self.gb_second_usd.items() if f"-{arch}-" in env_class),
            max(self.gb_second_usd.values()),
        )


def prices_row(prices: Prices) -> dict[str, object]:
    """As a bundle's index has them."""
    return {"gb_second": dict(prices.gb_second_usd), "request": prices.request_usd}


def prices_of(row: Any) -> Prices:
    """The inverse of `prices_row`. Raises KeyError, TypeError, ValueError, AttributeError on what is none."""
    found = {str(arch): _amount(price) for arch, price in row["gb_second"].items()}
    if not found:
        raise ValueError("prices without an architecture")
    return Prices(gb_second_usd=found, request_usd=_amount(row["request"]))


def _amount(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise ValueError(f"{value!r} is no price")
    return float(value)
