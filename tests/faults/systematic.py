"""One fault at each place in turn: a worker killed, or slow for longer than its lease, before and after every effect.

    python -m tests.faults.systematic --seeds 0:30 --size 8
    python -m tests.faults.systematic --seeds 0:5 --size 6 --kinds freeze,lose_reply --store redis

Drawn faults leave it to chance whether a place is met; here a seed's scenario is run once without any fault, and then
once for every occasion at which one of these kinds might have struck. Exit code 1 when a run failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator

from tests.faults.chance import Kind
from tests.faults.fuzz import seed_range, stores
from tests.faults.running import MakeStore, Outcome, run_seed
from tests.faults.stores import MemoryStore

KINDS: tuple[Kind, ...] = (
    *("crash", "freeze", "time_up", "lose_reply", "lose_call", "duplicate", "delay", "throttle", "rollback", "flush"),
    *("vanish", "launcher_death", "second_launcher", "cancel"),
)


def one_by_one(
    seed: int, *, size: int, kinds: Iterable[Kind] = KINDS, make_store: MakeStore = MemoryStore
) -> Iterator[Outcome]:
    """The run without a fault, then one run for each occasion of each kind."""
    calm = run_seed(seed, size=size, only=frozenset(), make_store=make_store)
    yield calm
    for kind in kinds:
        for occasion in range(calm.occasions.get(kind, 0)):
            yield run_seed(seed, size=size, only=frozenset({(kind, occasion)}), make_store=make_store)


def _kinds(text: str) -> list[Kind]:
    chosen = [kind for kind in KINDS if kind in text.split(",")]
    if len(chosen) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"write some of {', '.join(KINDS)}")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=seed_range, default=range(30), metavar="A:B")
    parser.add_argument("--size", type=int, default=8, metavar="N", help="only the first N tasks of a seed's DAG")
    parser.add_argument("--kinds", type=_kinds, default=KINDS, metavar="A,B")
    parser.add_argument("--store", choices=("memory", "redis"), default="memory")
    args = parser.parse_args()
    began, runs, failed = time.monotonic(), 0, 0
    with stores(args.store) as make_store:
        for seed in args.seeds:
            for outcome in one_by_one(seed, size=args.size, kinds=args.kinds, make_store=make_store):
                runs += 1
                if outcome.violation:
                    failed += 1
                    print(f"{outcome}\n  replay: {outcome.replay(args.store)}", flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(args.seeds)} scenarios, {runs} runs, {failed} failed, {runs / minutes:.0f} a minute")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
