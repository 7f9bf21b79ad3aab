"""What befalls connections and wake-ups, over and over while a run lasts; the store itself keeps everything.

    python -m tests.faults.disturb_store --runs 20 [--mode M] [--planner P] [--shape S] [--seed N]

`--runs` is of each mode. Modes: `connections`, every client's connection is killed; `scripts`, the server forgets its
scripts; `hints`, every hint stream is deleted as soon as it is there, and who waits for one is cut off; `events`, the
same for the run's events. All must give the right result.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from tests.faults.campaign import Outcome, run_under
from tests.faults.command import arguments, run_modes
from tests.faults.workloads import SHORT_LEASES, WORKLOADS, Workload, own_home, small_bench
from tests.integration.running import Bench

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
    args = arguments(__doc__, MODES)
    with tempfile.TemporaryDirectory() as folder, own_home(), small_bench() as bench:

        def run_once(mode: str, shape: str, planner: str, seed: int) -> tuple[Outcome, list[str]]:
            build = WORKLOADS[shape].build(Path(folder, str(seed)), planner)
            outcome = run_disturbed(bench, build, WORKLOADS[shape], mode, seed)
            return outcome, bench.left_keys()

        return run_modes(args, MODES, run_once)


if __name__ == "__main__":
    sys.exit(main())
