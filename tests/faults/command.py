"""What the commands of real campaigns share: their arguments, the turns of shapes and planners, and the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from itertools import cycle, islice, product

from tests.faults.campaign import Outcome, Table
from tests.faults.workloads import WORKLOADS
from tests.integration.running import PLANNERS

TRIES_PER_HIT = 4
RunOnce = Callable[[str, str, str, int], tuple[Outcome, list[str]]]
"""(mode, shape, planner, seed) → how the run ended, and what it left behind."""


def arguments(description: str | None, modes: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each mode, in which the harm was done")
    parser.add_argument("--mode", choices=tuple(modes), action="append")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    parser.add_argument("--shape", choices=WORKLOADS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="a line for each run, not only for those that go wrong")
    return parser.parse_args()


def run_modes(args: argparse.Namespace, modes: Iterable[str], run_once: RunOnce) -> int:
    """Run every mode until the harm was done often enough, and print the table; the exit code."""
    table, seed = Table(), args.seed
    for mode in args.mode or modes:
        turns = cycle(product(args.shape or WORKLOADS, args.planner or PLANNERS))
        for shape, planner in islice(turns, TRIES_PER_HIT * args.runs):
            if table.hits(mode) >= args.runs:
                break
            seed += 1
            outcome, left = run_once(mode, shape, planner, seed)
            table.add(mode, outcome, keys_left=len(left))
            if args.verbose or left or outcome.kind != "right":
                print(f"{mode} {shape} {planner} seed {seed}: {outcome.kind} in {outcome.seconds:.1f} s", end="; ")
                print(f"{outcome.hit}; {outcome.detail}; left: {left}", flush=True)
    table.print()
    return 0 if table.is_good(bounded_share=0.0) else 1
