"""`kill -9` of an environment in mid-run, again and again: how often the result is right, an error clear, or neither.

    python -m tests.faults.kill_environments --runs 20 --planner wukong

Each run has a seed, which decides when it happens and which environment it hits. A run that is over before its kill
does not count as one of `--runs`. A right result or a `RuntimeFault` within the run's deadline is an end; a wrong
result, or none, is a fault of treadle's.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault
from runtime.local.stack import ensure_stack
from tests.integration.running import DEPLOYMENT, PLANNERS, Bench, compile_at, write_workflow

SHORT_LEASES = WorkerSettings(lease_s=1.0, renew_s=0.25, call_limit_s=1.0, deadline_s=60.0, fan_out=4)
LEAVES = 32
WINDOW_S = 0.4
"""Less than the run takes on a quiet machine, so that most kills hit."""

EXPECTED = LEAVES * (LEAVES - 1) // 2
TREE = """
params: {leaves: {type: int}}
let: {levels: "${{ log2(params.leaves) }}"}
tasks:
  leaf: {call: "functions:load", foreach: {i: "${{ range(params.leaves) }}"}, args: ["${{ i }}"]}
  add:
    call: functions:add
    foreach: {l: "${{ range(1, levels + 1) }}", i: "${{ range(params.leaves // 2 ** l) }}"}
    args:
      - ${{ tasks.leaf[2*i]   if l == 1 else tasks.add[l-1][2*i]   }}
      - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
result: ${{ tasks.add[levels][0] }}
"""
SLOW_SUMS = """
import time


def load(i):
    time.sleep(0.03)
    return i


def add(left, right):
    time.sleep(0.03)
    return left + right
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended. `kind`: "right", "wrong" or "error"; `killed` is the environment's process, 0 for none."""

    kind: str
    killed: int
    detail: str = ""


@contextmanager
def small_bench() -> Iterator[Bench]:
    """Four environments, so that each has a good part of the run."""
    with (
        ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=4)) as stack,
        redis.Redis.from_url(stack.redis_url) as client,
    ):
        yield Bench(stack, client)


def build_tree(folder: Path, planner: str) -> Build:
    return compile_at(write_workflow(folder, TREE, SLOW_SUMS), planner, workers=4, leaves=LEAVES)


class Killer:
    """Kills one busy environment, some time after the first is busy; both as the seed says."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._bench = bench
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.killed = 0

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._busy():
            if self._over.wait(0.002):
                return
        if self._over.wait(self._chance.uniform(0, WINDOW_S)):
            return
        busy = self._busy()
        if busy:
            self.killed = self._chance.choice(busy)
            os.kill(self.killed, signal.SIGKILL)

    def _busy(self) -> list[int]:
        return [int(one["pid"]) for one in self._bench.environments() if one["state"] == "busy"]


def run_with_kill(bench: Bench, build: Build, seed: int) -> Outcome:
    """One run of `build_tree`'s workflow, with one environment killed on the way."""
    with Killer(bench, seed) as killer:
        try:
            result = bench.run(build, SHORT_LEASES)
        except RuntimeFault as fault:
            return Outcome("error", killer.killed, f"{fault.code}: {fault.message}")
    return Outcome("right" if result.result == EXPECTED else "wrong", killer.killed, repr(result.result))


def runs_with_kill(bench: Bench, build: Build, kills: int, seed: int) -> Iterator[tuple[int, Outcome]]:
    """Runs with seeds from `seed` on until `kills` of them lost an environment; those that did not come too.

    Ends after twice as many runs, whatever was hit by then.
    """
    hits = 0
    for one in range(seed, seed + 2 * kills):
        outcome = run_with_kill(bench, build, one)
        yield one, outcome
        hits += bool(outcome.killed)
        if hits == kills:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="with an environment killed")
    parser.add_argument("--planner", choices=PLANNERS, default="wukong")
    parser.add_argument("--seed", type=int, default=0, help="the first run's; each further run has the next")
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, small_bench() as bench:
        build = build_tree(Path(folder), args.planner)
        for seed, outcome in runs_with_kill(bench, build, args.runs, args.seed):
            counts[outcome.kind if outcome.killed or outcome.kind != "right" else "not killed"] += 1
            counts["killed"] += bool(outcome.killed)
            counts["keys left"] += len(bench.left_keys())
            print(f"seed {seed:>3}  {outcome.kind:<6} killed {outcome.killed or '-':>8}  {outcome.detail}", flush=True)
    print(f"`{args.planner}`: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    is_good = counts["wrong"] == counts["keys left"] == 0 and counts["error"] <= args.runs / 20
    return 0 if is_good and counts["killed"] == args.runs else 1


if __name__ == "__main__":
    sys.exit(main())
