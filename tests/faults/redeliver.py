"""Asynchronous events that come twice, late, or not at all, and an Invoke API that refuses and cuts connections.

    python -m tests.faults.redeliver --runs 20 [--mode M] [--planner P] [--shape S] [--seed N]

`--runs` is of each mode. Modes: `twice`, every event is delivered twice, each up to a second late; `thrice_at_once`;
`lossy`, one in six is accepted and never delivered; `cut`, connections are cut before or after the request was passed
on; `refused`, two in five requests get 429, 500 or 503. All must give the right result, each stored output committed
once, counted by the run's own events.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from compiler.emit.bundle import Build
from runtime.config import WorkerSettings
from tests.faults.campaign import Outcome, Table, run_under
from tests.faults.unruly_proxy import Manners, UnrulyProxy
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import PLANNERS, Bench, wait_for

MODES: Mapping[str, Manners] = {
    "twice": Manners(copies=2, delay_s=1.0),
    "thrice_at_once": Manners(copies=3),
    "lossy": Manners(swallowed=1 / 6),
    "cut": Manners(cut=0.2, lost=0.2),
    "refused": Manners(refused=0.4),
}


def run_through(bench: Bench, build: Build, workload: Workload, manners: Manners, seed: int) -> Outcome:
    """One run whose invocations go through the proxy; "wrong" when an output was stored twice."""
    with UnrulyProxy(bench.stack.lambda_endpoint, manners, seed) as proxy:
        target = replace(bench.target, lambda_endpoint=proxy.url)
        outcome = run_under(
            bench, build, workload.expected, lambda _: "yes", settings=settings_for(manners), target=target, keep=True
        )
        proxy.drain()
        wait_for(lambda: all(one["state"] == "idle" for one in bench.environments()), "late events to be served")
    stored, begun = told_by(bench)
    for key in bench.left_keys():
        bench.client.delete(key)
    twice = [slot for slot, count in stored.items() if count > 1]
    hit = f"{dict(proxy.counts)}; {len(stored)} outputs stored, {len(begun)} workers begun {begun.total()} times"
    return replace(outcome, hit=hit, **({"kind": "wrong", "detail": f"stored twice: {twice}"} if twice else {}))


def settings_for(manners: Manners) -> WorkerSettings:
    """What is accepted and lost is repeated soon; what fails is tried for as long as the calls' limit allows."""
    return replace(SHORT_LEASES, call_limit_s=6.0) if manners.cut or manners.refused else SHORT_LEASES


def told_by(bench: Bench) -> tuple[Counter[str], Counter[str]]:
    """How often each slot was newly stored, and each worker began, as the kept run's events tell."""
    stored: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    for key in bench.left_keys():
        if key.endswith(":events"):
            for _, fields in bench.client.xrange(key):
                data = json.loads(fields[b"data"]) if fields[b"kind"] in (b"stored", b"begun") else {}
                stored.update(data.get("slots", ()))
                if fields[b"kind"] == b"begun":
                    begun[data["worker"]] += 1
    return stored, begun


def main() -> int:
    args = arguments()
    table, seeds = Table(), itertools.count(args.seed)
    with tempfile.TemporaryDirectory() as folder, own_home(), small_bench() as bench:
        for mode in args.mode or MODES:
            turns = itertools.cycle(itertools.product(args.shape or WORKLOADS, args.planner or PLANNERS))
            for shape, planner in itertools.islice(turns, args.runs):
                seed = next(seeds)
                build = WORKLOADS[shape].build(Path(folder, str(seed)), planner)
                outcome = run_through(bench, build, WORKLOADS[shape], MODES[mode], seed)
                table.add(mode, outcome, keys_left=len(bench.left_keys()))
                if args.verbose or outcome.kind != "right":
                    print(f"{mode} {shape} {planner} seed {seed}: {outcome.kind} in {outcome.seconds:.1f} s", end="; ")
                    print(f"{outcome.hit}; {outcome.detail}", flush=True)
    table.print()
    return 0 if table.is_good(bounded_share=0.0) else 1


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each mode")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    parser.add_argument("--shape", choices=WORKLOADS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="a line for each run, not only for those that go wrong")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
