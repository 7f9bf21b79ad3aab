"""One run of the fault driver, whatever comes of it, and how a failing one is made small.

A failure shrinks in two ways: to fewer tasks, and then to fewer faults, as long as something still fails. What is
left is named by the command that replays it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runtime.config import WorkerSettings
from tests.faults.chance import Chance, Fault, Kind, fault_text
from tests.faults.scenario import draw
from tests.faults.stores import MemoryStore, Store
from tests.faults.world import World

MakeStore = Callable[[WorkerSettings], Store]
SHRINK_RUNS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended; `violation` is "" when all was well. `only` is None when the seed drew the faults.

    `occasions`: how often each kind of fault might have struck.
    """

    seed: int
    planner: str
    size: int
    struck: tuple[Fault, ...]
    only: frozenset[Fault] | None = None
    violation: str = ""
    occasions: Mapping[Kind, int] = field(default_factory=dict)

    def replay(self, store: str = "memory") -> str:
        """The command that does this run again and shows each step."""
        only = f" --only '{fault_text(list(self.struck))}'" if self.only is not None else ""
        return (
            f"python -m tests.faults.fuzz --seeds {self.seed}:{self.seed + 1} --planner {self.planner} "
            f"--size {self.size}{only} --store {store} --trace"
        )

    def __str__(self) -> str:
        faults = fault_text(list(self.struck)) or "no fault"
        return f"seed {self.seed}, `{self.planner}`, {self.size} tasks, {faults}: {self.violation or 'all is well'}"


def run_seed(
    seed: int,
    *,
    planner: str | None = None,
    size: int | None = None,
    only: frozenset[Fault] | None = None,
    make_store: MakeStore = MemoryStore,
    trace: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a seed's scenario; whatever is raised in it is a violation: no fault of these may raise anything."""
    scenario = draw(seed, planner=planner, size=size)
    chance = Chance(seed, scenario.rates, scenario.budgets, only)
    world = World(scenario, chance, make_store(scenario.settings), trace)
    violation = ""
    try:
        world.run()
    except Exception as err:  # noqa: BLE001
        violation = f"{type(err).__name__}: {err}"
    return Outcome(
        seed=seed,
        planner=scenario.planner,
        size=len(scenario.inputs),
        struck=tuple(chance.struck),
        only=only,
        violation=violation,
        occasions=chance.occasions,
    )


Again = Callable[[int, frozenset[Fault] | None], Outcome]
"""The same seed and planner with this size and only these faults."""


def shrink(found: Outcome, again: Again) -> Outcome:
    """A smaller run that fails too; `found` itself when there is none."""
    runs = [0]

    def fails(size: int, only: frozenset[Fault] | None) -> Outcome | None:
        runs[0] += 1
        outcome = again(size, only) if runs[0] <= SHRINK_RUNS else None
        return outcome if outcome is not None and outcome.violation else None

    for size in range(1, found.size):
        if smaller := fails(size, None):
            found = smaller
            break
    return _with_fewer_faults(found, fails)


def _with_fewer_faults(found: Outcome, fails: Again | Callable[..., Outcome | None]) -> Outcome:
    """Leave out a half of the faults, a quarter, … one by one, as long as it still fails."""
    part = max(1, len(found.struck) // 2)
    while found.struck:
        for first in range(0, len(found.struck), part):
            rest = found.struck[:first] + found.struck[first + part :]
            if fewer := fails(found.size, frozenset(rest)):
                found = fewer
                break
        else:
            if part == 1:
                break
            part //= 2
        part = max(1, min(part, len(found.struck)))
    return found
