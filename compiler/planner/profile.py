"""Target profiles: what a platform allows and costs, as dated data in `schemas/profiles`.

A profile states the platform's limits; what a workflow may use of them is decided elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from runtime.prices import Prices, prices_of

DEFAULT_PROFILE = "lambda-2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetProfile:
    """Limits and prices of one target. Memory and `/tmp` in MiB, money in US dollars.

    `concurrency` is the number of environments that may live at once; `scaling` how many more may start in how
    many seconds. `sizes_mb` are those that a planner chooses from, rising. `transition_usd` is what Step
    Functions takes for a state transition.
    """

    name: str
    date: str
    memory_min_mb: int
    memory_max_mb: int
    sizes_mb: tuple[int, ...]
    mb_per_vcpu: int
    max_vcpus: int
    timeout_max_s: float
    tmp_min_mb: int
    tmp_max_mb: int
    architectures: tuple[str, ...]
    pythons: tuple[str, ...]
    async_payload_bytes: int
    sync_payload_bytes: int
    unzipped_bytes: int
    environment_bytes: int
    concurrency: int
    scaling: tuple[int, float]
    network_bytes_per_s: float
    store_round_trip_s: float
    prices: Prices
    transition_usd: float


@cache
def load_profile(name: str = DEFAULT_PROFILE) -> TargetProfile:
    """The profile of this name. Raises FileNotFoundError when there is none."""
    data = json.loads((files("schemas") / "profiles" / f"{name}.json").read_text(encoding="utf-8"))
    return TargetProfile(
        name=data["name"],
        date=data["date"],
        memory_min_mb=data["memory_mb"]["min"],
        memory_max_mb=data["memory_mb"]["max"],
        sizes_mb=tuple(data["sizes_mb"]),
        mb_per_vcpu=data["mb_per_vcpu"],
        max_vcpus=data["max_vcpus"],
        timeout_max_s=data["timeout_s"]["max"],
        tmp_min_mb=data["tmp_mb"]["min"],
        tmp_max_mb=data["tmp_mb"]["max"],
        architectures=tuple(data["architectures"]),
        pythons=tuple(data["pythons"]),
        async_payload_bytes=data["async_payload_bytes"],
        sync_payload_bytes=data["sync_payload_bytes"],
        unzipped_bytes=data["unzipped_bytes"],
        environment_bytes=data["environment_bytes"],
        concurrency=data["concurrency"],
        scaling=(data["scaling"]["environments"], data["scaling"]["per_s"]),
        network_bytes_per_s=data["network_bytes_per_s"],
        store_round_trip_s=data["store_round_trip_s"],
        prices=prices_of(data["prices"]),
        transition_usd=data["prices"]["state_transition"],
    )
