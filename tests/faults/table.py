"""How often the fault driver finds each planted bug, in memory and with the scripts on Redis, and how small it gets it.

    python -m tests.faults.table
    python -m tests.faults.table --seeds 1000 --redis 200 --bugs counter,no_watch

Of each bug's first find the shrunk run is replayed; `yes` says that it fails again. Exit code 1 when it does not,
or when a bug was never found.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from tests.faults.chance import fault_text, read_faults
from tests.faults.fuzz import shrunk, stores
from tests.faults.planted import PLANTED
from tests.faults.running import MakeStore, Outcome, run_seed
from tests.faults.stores import MemoryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one bug. `small` is None when no seed found it."""

    memory: float
    redis: float
    first: Outcome | None
    small: Outcome | None
    is_replayed: bool


def measure(bug: str, seeds: int, redis_seeds: int, make_redis: MakeStore) -> Row:
    """Count finds on both stores; shrink and replay the first one."""
    with PLANTED[bug].put_in():
        found = [outcome for outcome in map(run_seed, range(seeds)) if outcome.violation]
        on_redis = sum(bool(run_seed(seed, make_store=make_redis).violation) for seed in range(redis_seeds))
        first = found[0] if found else None
        small = shrunk(first, MemoryStore) if first is not None else None
        return Row(
            memory=len(found) / seeds,
            redis=on_redis / max(1, redis_seeds),
            first=first,
            small=small,
            is_replayed=small is not None and bool(replayed(small).violation),
        )


def replayed(small: Outcome) -> Outcome:
    """What the command of `small` does."""
    only = read_faults(fault_text(list(small.struck))) if small.only is not None else None
    return run_seed(small.seed, planner=small.planner, size=small.size, only=only)


def show(bug: str, row: Row) -> str:
    if row.first is None or row.small is None:
        return f"{bug:20} {row.memory:7.1%} {row.redis:7.1%}   never found"
    before, after = row.first, row.small
    return (
        f"{bug:20} {row.memory:7.1%} {row.redis:7.1%}   {before.size:3} → {after.size:2} tasks,"
        f" {len(before.struck):3} → {len(after.struck):2} faults   {'yes' if row.is_replayed else 'NO'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=500, help="in memory")
    parser.add_argument("--redis", type=int, default=100, help="seeds on Redis")
    parser.add_argument("--bugs", type=lambda text: text.split(","), default=list(PLANTED), metavar="A,B")
    args = parser.parse_args()
    is_all_well = True
    print(f"{'planted bug':20} {'memory':>7} {'redis':>7}   the first find, shrunk{' ' * 13}replayed")
    with stores("redis") as make_redis:
        for bug in args.bugs:
            row = measure(bug, args.seeds, args.redis, make_redis)
            is_all_well &= row.is_replayed
            print(show(bug, row), flush=True)
    return 0 if is_all_well else 1


if __name__ == "__main__":
    sys.exit(main())
