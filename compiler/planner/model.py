"""The plan: for each instance its worker, or none (flexible), and its class. Decided by a strategy, printed by `plan`.

What a plan looks like in bytes is `compiler.emit`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from runtime.plan import Entry, EnvClass

FLEXIBLE = -1
"""In `Plan.worker_of`: who runs the task is decided at run time, by who finishes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What every strategy is told. `concurrency` is the number of environments that may live at once.

    `workers` is the number of worker ids, None for min(8, concurrency) in `simple` and for what others find best.
    `python` is the version in the environments, as "3.11". `rounds` bounds a search, None for what the planner
    finds right; `seed` is that of all that it draws. `cores` are those that all environments share, inf where each
    has CPUs of its own; `idle_expiry_s` is how long an environment stays warm. `warm` counts those that wait for
    the run, by class, and `warm_since` is when the newest of them was made; None where the platform itself starts
    with the run.
    """

    concurrency: int = 8
    workers: int | None = None
    python: str = "3.11"
    rounds: int | None = None
    seed: int = 0
    cores: float = inf
    idle_expiry_s: float = 300.0
    warm: Mapping[str, int] | None = None
    warm_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """For instance n: `worker_of[n]` is an index into `workers` or FLEXIBLE, `env_of[n]` one into `classes`.

    `order` holds every instance once, producers before consumers, subtrees contiguous: the order of records
    in SubDags and pages. `entries` have no page yet: pages are cut when records are laid out. `reasons[n]`
    says why (`plan --explain`).
    """

    planner: str
    workers: tuple[str, ...]
    worker_of: Sequence[int]
    classes: tuple[EnvClass, ...]
    env_of: Sequence[int]
    order: Sequence[int]
    entries: tuple[Entry, ...]
    reasons: Sequence[str]

    def worker_name(self, instance: int) -> str | None:
        """The pinned worker of an instance, None when it is flexible."""
        worker = self.worker_of[instance]
        return None if worker == FLEXIBLE else self.workers[worker]

    def env(self, instance: int) -> EnvClass:
        return self.classes[self.env_of[instance]]
