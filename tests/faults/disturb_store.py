"""What befalls connections and wake-ups, over and over while a run lasts; the store itself keeps everything.

    python -m tests.faults.disturb_store --runs 20 [--mode M] [--planner P] [--shape S] [--seed N]

`--runs` is of each mode. Modes: `connections`, every client's connection is killed; `scripts`, the server forgets its
scripts; `hints`, every hint stream is deleted as soon as it is there, and who waits for one is cut off; `events`, the
same for the run's events. All must give the right result.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from compiler.emit.bundle import Build
from tests.faults.campaign import Outcome, Table, run_under
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import PLANNERS, Bench

Disturb = Callable[[redis.Redis], int]


def kill_connections(client: redis.Redis) -> int:
    return int(client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))


def flush_scripts(client: redis.Redis) -> int:
    client.script_flush()
    return 1


def lose_hints(client: redis.Redis) -> int:
    return _lose(client, "treadle:*:hint:*")


def lose_events(client: redis.Redis) -> int:
    return _lose(client, "treadle:*:events")


def _lose(client: redis.Redis, pattern: str) -> int:
    """Delete the streams, and cut off whoever blocks; how many streams there were."""
    found = list(client.scan_iter(pattern, count=1000))
    for key in found:
        client.unlink(key)
    for one in client.client_list():
        if one["cmd"] == "xread" and "b" in one["flags"]:
            with suppress(redis.ResponseError):  # it has gone by itself
                client.client_kill_filter(_id=one["id"])
    return len(found)


MODES: Mapping[str, tuple[Disturb, float]] = {
    "connections": (kill_connections, 0.1),
    "scripts": (flush_scripts, 0.01),
    "hints": (lose_hints, 0.002),
    "events": (lose_events, 0.002),
}
"""What is done, and the mean pause before it is done again."""


def run_disturbed(bench: Bench, build: Build, workload: Workload, mode: str, seed: int) -> Outcome:
    """One run, disturbed from its start to its end."""
    chance = random.Random(seed)
    disturb, pause_s = MODES[mode]

    def act(over: threading.Event) -> str:
        count = 0
        while not over.wait(chance.uniform(0, 2 * pause_s)):
            count += disturb(bench.client)
        return f"{count} times" if count else ""

    return run_under(bench, build, workload.expected, act, settings=SHORT_LEASES)


def main() -> int:
    args = arguments()
    table, seeds = Table(), itertools.count(args.seed)
    with tempfile.TemporaryDirectory() as folder, own_home(), small_bench() as bench:
        for mode in args.mode or MODES:
            turns = itertools.cycle(itertools.product(args.shape or WORKLOADS, args.planner or PLANNERS))
            for shape, planner in itertools.islice(turns, args.runs):
                seed = next(seeds)
                build = WORKLOADS[shape].build(Path(folder, str(seed)), planner)
                outcome = run_disturbed(bench, build, WORKLOADS[shape], mode, seed)
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
