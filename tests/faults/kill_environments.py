"""`kill -9` of environments in mid-run, again and again: how often the result is right, an error clear, or neither.

    python -m tests.faults.kill_environments --runs 200 [--planner P] [--shape S] [--moment M] [--seed N]

Each run has a seed, which decides when it happens and whom it hits; shapes, planners and moments take turns, unless
one is named. Moments: `busy`, one busy environment at a random time; `several`, two or three, each at its own;
`starting`, one that has not got its first event yet; `commit`, all that are busy, right after a commit; `zygote`, the
fork server, and all its children with it; `frozen`, one is stopped for longer than its lease and comes back.

A run that is over before its kill does not count as one of `--runs`. Right results in at least 99 of 100, the
documented end of a worker that stores nothing new in the rest, no hang, and nothing left: else the command fails.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import cycle, product
from pathlib import Path
from typing import Any

import redis

from compiler.emit.bundle import Build
from tests.faults.campaign import Outcome, Table, dump, family_of, left_behind, run_under
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import PLANNERS, Bench, descendants_of, is_alive, wait_for

WINDOW_S = 0.4
"""Less than a run takes on a quiet machine, so that most kills hit."""

COMMITS = 6
POLL_S = 0.002
Act = Callable[[Bench, random.Random, threading.Event], str]


def kill_one(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """One busy environment, some time after the first is busy."""
    busy = _await(bench, over, "busy")
    if not busy or over.wait(chance.uniform(0, WINDOW_S)):
        return ""
    return _kill(_pids(bench, "busy"), chance)


def kill_several(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """Two or three, one after the other or all but together."""
    hits = []
    for _ in range(chance.randint(2, 3)):
        hits.append(kill_one(bench, chance, over))
    return " ".join(hit for hit in hits if hit)


def kill_starting(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """One that is forked, and has not asked for its first event; or has, if it was quicker."""
    return _kill(_await(bench, over, "starting"), chance)


def kill_after_commit(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """All that are busy, right after one of the first commits: whoever sent it is among them."""
    count, after, key = chance.randint(1, COMMITS), "0", ""
    while not over.is_set():
        key = key or next((one for one in bench.left_keys() if one.endswith(":events")), "")
        if not key:
            continue
        for _, entries in bench.client.xread({key: after}, block=50) or ():
            for entry, fields in entries:
                after = entry.decode()
                count -= fields[b"kind"] == b"stored"
                if not count:
                    return " ".join(_kill([pid], chance) for pid in _pids(bench, "busy"))
    return ""


def kill_zygote(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """The fork server of the run's code, some time after the first environment is busy."""
    if not _await(bench, over, "busy") or over.wait(chance.uniform(0, WINDOW_S)):
        return ""
    return _kill(fork_servers(bench), chance)


def freeze_one(bench: Bench, chance: random.Random, over: threading.Event) -> str:
    """A busy one is stopped for longer than its lease, and comes back as a zombie."""
    busy = _await(bench, over, "busy")
    if not busy or over.wait(chance.uniform(0, WINDOW_S)):
        return ""
    pid = _send(signal.SIGSTOP, _pids(bench, "busy"), chance)
    over.wait(SHORT_LEASES.lease_s * chance.uniform(1, 3))
    if pid:
        _send(signal.SIGCONT, [int(pid)], chance)
    return pid


MOMENTS: Mapping[str, Act] = {
    "busy": kill_one,
    "several": kill_several,
    "starting": kill_starting,
    "commit": kill_after_commit,
    "zygote": kill_zygote,
    "frozen": freeze_one,
}


def run_with_kill(bench: Bench, build: Build, workload: Workload, moment: str, seed: int) -> Outcome:
    """One run of `workload`, killed at as the seed says."""
    chance = random.Random(seed)
    if moment == "starting":
        end_idle(bench)
    return run_under(
        bench,
        build,
        workload.expected,
        lambda over: MOMENTS[moment](bench, chance, over),
        settings=SHORT_LEASES,
    )


def end_idle(bench: Bench) -> None:
    """Whatever is warm goes, so that the next run starts environments of its own."""
    idle = _pids(bench, "idle")
    for pid in idle:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not set(idle) & {one["pid"] for one in bench.environments()}, "idle environments to end")


def fork_servers(bench: Bench) -> list[int]:
    """The service's own children that fork environments."""
    found = []
    for pid in descendants_of(bench.stack.pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes() and _parent(pid) == bench.stack.pid:
                found.append(pid)
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _pids(bench: Bench, state: str) -> list[int]:
    return [int(one["pid"]) for one in bench.environments() if one["state"] == state and one["pid"]]


def _await(bench: Bench, over: threading.Event, state: str) -> list[int]:
    while not (found := _pids(bench, state)):
        if over.wait(POLL_S):
            return []
    return found


def _kill(pids: list[int], chance: random.Random) -> str:
    return _send(signal.SIGKILL, pids, chance)


def _send(number: signal.Signals, pids: list[int], chance: random.Random) -> str:
    """Signal one of those that live; which one, "" when none does."""
    living = [pid for pid in pids if is_alive(pid)]
    if not living:
        return ""
    pid = chance.choice(living)
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return str(pid)
    return ""


def hits(bench: Bench, build: Build, workload: Workload, moment: str, seeds: Iterator[int]) -> Iterator[Outcome]:
    """Runs until one was hit, at most four; all of them come."""
    for _ in range(4):
        outcome = run_with_kill(bench, build, workload, moment, next(seeds))
        yield outcome
        if outcome.hit:
            return


def campaign(bench: Bench, folder: Path, args: argparse.Namespace) -> Table:
    table = Table()
    builds: dict[tuple[str, str], Build] = {}
    seeds = iter(range(args.seed, args.seed + 10**6))
    turns = cycle(product(args.moment or MOMENTS, args.shape or WORKLOADS, args.planner or PLANNERS))
    for moment, shape, planner in turns:
        if table.total["hit"] >= args.runs or table.total["runs"] >= 4 * args.runs:
            break
        workload = WORKLOADS[shape]
        if (shape, planner) not in builds:
            builds[shape, planner] = workload.build(folder, planner)
        for outcome in hits(bench, builds[shape, planner], workload, moment, seeds):
            row = f"{shape}, {planner}" if not args.by_moment else moment
            table.add(row, outcome, keys_left=_check_keys(bench))
            if outcome.kind != "right" or args.verbose:
                print(f"{shape} {planner} {moment}: {outcome.kind}, hit {outcome.hit}: {outcome.detail}", flush=True)
    return table


def _check_keys(bench: Bench) -> int:
    """How many keys are left; they are shown, and deleted, so that they count once."""
    left = bench.left_keys()
    if left:
        print(f"left: {left}\n{dump(bench)}", flush=True)
        with suppress(redis.RedisError):
            bench.client.delete(*left)
    return len(left)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="that lost an environment")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    parser.add_argument("--shape", choices=WORKLOADS, action="append")
    parser.add_argument("--moment", choices=MOMENTS, action="append")
    parser.add_argument("--seed", type=int, default=0, help="the first run's; each further run has the next")
    parser.add_argument("--by-moment", action="store_true", help="a row for each moment, not for each shape")
    parser.add_argument("--verbose", action="store_true", help="a line for each run, not only for those that go wrong")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder, own_home():
        with small_bench() as bench:
            table = campaign(bench, Path(folder), args)
            family, directory = family_of(bench), bench.stack.directory
        left = left_behind(family, directory)
    table.print()
    print(f"left behind when the service has ended: {', '.join(left) or 'nothing'}")
    return 0 if table.is_good() and not left and table.total["hit"] >= args.runs else 1


if __name__ == "__main__":
    sys.exit(main())
