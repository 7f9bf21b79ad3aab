"""Seeds of the fault driver in a row: how many a minute, and whatever fails, shrunk, with the command that replays it.

    python -m tests.faults.fuzz --seeds 0:10000
    python -m tests.faults.fuzz --seeds 0:500 --planner wukong --store redis
    python -m tests.faults.fuzz --seeds 475:476 --size 7 --only 'crash:3,delay:1' --trace
    python -m tests.faults.fuzz --seeds 0:1000 --planted leave_unseen

With `--planted` a known bug is put in first (`tests.faults.planted`), and the share of seeds that find it is told.
Exit code 1 when a seed failed and nothing was planted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from compiler.planner.strategies import STRATEGIES
from tests.contracts.server import client_of, start_server
from tests.faults.chance import Fault, read_faults
from tests.faults.planted import PLANTED
from tests.faults.running import MakeStore, Outcome, run_seed, shrink
from tests.faults.stores import MemoryStore, RedisStore

TELL_EVERY_S = 15.0


@contextmanager
def stores(kind: str) -> Iterator[MakeStore]:
    """Makes a fresh store for each run; those on Redis share one server."""
    if kind == "memory":
        yield MemoryStore
        return
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process, client_of(url) as client:
            try:
                yield lambda settings: RedisStore(client, settings)
            finally:
                process.terminate()


def shrunk(found: Outcome, make_store: MakeStore) -> Outcome:
    def again(size: int, only: frozenset[Fault] | None) -> Outcome:
        return run_seed(found.seed, planner=found.planner, size=size, only=only, make_store=make_store)

    return shrink(found, again) if found.only is None else found


def seed_range(text: str) -> range:
    """`A:B`, or `A` alone."""
    first, _, last = text.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=seed_range, default=range(1000), metavar="A:B")
    parser.add_argument("--planner", choices=sorted(STRATEGIES), help="in place of the one that a seed draws")
    parser.add_argument("--size", type=int, metavar="N", help="only the first N tasks of a seed's DAG")
    parser.add_argument("--only", type=read_faults, metavar="FAULTS", help="these faults and no others")
    parser.add_argument("--store", choices=("memory", "redis"), default="memory")
    parser.add_argument("--planted", choices=tuple(PLANTED), help="with this bug put in")
    parser.add_argument("--trace", action="store_true", help="show each step")
    return parser


def main() -> int:
    args = _parser().parse_args()
    began = told = time.monotonic()
    failed = done = 0
    with ExitStack() as stack:
        make_store = stack.enter_context(stores(args.store))
        if args.planted:
            stack.enter_context(PLANTED[args.planted].put_in())
        for done, seed in enumerate(args.seeds, 1):
            outcome = run_seed(
                seed,
                planner=args.planner,
                size=args.size,
                only=args.only,
                make_store=make_store,
                trace=print if args.trace else None,
            )
            if outcome.violation:
                failed += 1
                if not args.planted:
                    small = shrunk(outcome, make_store)
                    print(f"{small}\n  replay: {small.replay(args.store)}", flush=True)
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                print(f"{done} seeds, {failed} failed, {60 * done / (told - began):.0f} a minute", flush=True)
    spent = time.monotonic() - began
    print(f"{done} seeds, {failed} failed ({100 * failed / max(1, done):.1f} %), {60 * done / spent:.0f} a minute")
    return 1 if failed and not args.planted else 0


if __name__ == "__main__":
    sys.exit(main())
