"""Connections to Redis and round trips, with 50 environments at once that take 1,000 inputs each.

    python -m tests.benchmarks.connections [--environments 50] [--inputs 1000] [--bytes 2000]

Every environment makes a share of the values, each of which is stored under a key of its own, and then has one task
that takes all of them; those tasks wait for one another, so that all environments live at once. Counted by the server:
connections while the run goes on, looked at every 5 ms; commands; reads from sockets, which are the round trips. The
bound is `redis_pool.CONNECTIONS` for each environment, and as many for the launcher.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.backends.redis_pool import CONNECTIONS
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack

MANIFEST = """
spec: 1
name: connections
params: {environments: {type: int}, inputs: {type: int}, size: {type: int}, folder: {type: str}}
tasks:
  make:
    call: functions:make
    foreach: {i: "${{ range(params.inputs) }}"}
    args: ["${{ i }}", "${{ params.size }}"]
  take:
    call: functions:take
    foreach: {i: "${{ range(params.environments) }}"}
    args: ["${{ i }}", "${{ tasks.make }}", "${{ params.environments }}", "${{ params.folder }}"]
result: ${{ tasks.take }}
"""
FUNCTIONS = """
import os
import time


def make(number, size):
    return number.to_bytes(4, "big") * (size // 4)


def take(number, values, count, folder):
    open(os.path.join(folder, str(number)), "w").close()
    until = time.monotonic() + 120
    while len(os.listdir(folder)) < count:
        assert time.monotonic() < until, "the others did not come"
        time.sleep(0.02)
    return sum(int.from_bytes(value[:4], "big") for value in values)
"""


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What the server saw of one run. `counts` are the connections at each look; `commands` calls by name."""

    environments: int
    tasks: int
    makespan_s: float = 0.0
    counts: list[int] = field(default_factory=list)
    commands: Mapping[str, int] = field(default_factory=dict)
    reads: int = 0

    @property
    def bound(self) -> int:
        return CONNECTIONS * (self.environments + 1)


def measure(environments: int, inputs: int, size: int, planner: str = "simple") -> Traffic:
    """Run once in environments that are not there yet, and once more where they are: the figures are of both."""
    with tempfile.TemporaryDirectory() as name, ensure_stack(LocalSettings(concurrency_limit=environments)) as stack:
        folder = Path(name)
        (folder / "workflow.yaml").write_text(MANIFEST)
        (folder / "functions.py").write_text(FUNCTIONS)
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        traffic = Traffic(environments=environments, tasks=inputs + environments)
        for number in range(2):
            meeting = folder / f"meeting-{number}"
            meeting.mkdir()
            values = {"environments": environments, "inputs": inputs, "size": size, "folder": str(meeting)}
            options = CompileOptions(
                planner=planner,
                workers=environments,
                concurrency=environments,
                set_values={name: str(value) for name, value in values.items()},
            )
            bundle = compile_workflow(folder / "workflow.yaml", options).loaded
            settings = WorkerSettings(fan_out=environments, store_value_bytes=min(1_000, size // 2))
            with redis.Redis.from_url(stack.redis_url) as client, watched(client, traffic):
                result = launch(bundle, target, settings)
            assert result.result == [inputs * (inputs - 1) // 2] * environments
            traffic.makespan_s = result.makespan_s
        return traffic


@contextmanager
def watched(client: redis.Redis, traffic: Traffic) -> Iterator[None]:
    """Look at the server meanwhile; this client itself does not count."""
    over = threading.Event()
    own: list[int] = []

    def look() -> None:
        while not over.wait(0.005):
            info: Any = client.info("clients")
            traffic.counts.append(info["connected_clients"] - 1)
            own.append(1)

    client.config_resetstat()
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    found: Any = client.info("commandstats")
    stats: Any = client.info("stats")
    traffic.reads = stats["total_reads_processed"] - len(own) - 2
    traffic.commands = {name.removeprefix("cmdstat_"): row["calls"] for name, row in found.items()}


OF_SCRIPTS = ("hincrby", "hdel", "sadd", "srem", "scard", "sismember", "smembers", "hexists", "hsetnx", "xadd", "time")
"""Commands of the tables below that scripts call, with no round trip of their own."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=50)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=2000)
    args = parser.parse_args()
    print(f"{args.inputs} inputs of {args.bytes} bytes for each environment\n")
    heads = ("environments", "makespan", "connections: most", "median", "bound", "most / environment")
    print("".join(f"{head:>20}" for head in heads))
    is_bounded = True
    for environments in sorted({1, 10, args.environments}):
        traffic = measure(environments, args.inputs, args.bytes)
        most = max(traffic.counts)
        is_bounded &= most <= traffic.bound
        cells = (
            f"{environments}",
            f"{traffic.makespan_s * 1000:,.0f} ms",
            f"{most}",
            f"{statistics.median(traffic.counts):.0f}",
            f"{traffic.bound}",
            f"{most / environments:.2f}",
        )
        print("".join(f"{cell:>20}" for cell in cells), flush=True)
    print_commands(traffic)
    return 0 if is_bounded else 1


def print_commands(traffic: Traffic) -> None:
    """Round trips, and commands by name, beside the number of tasks; scripts' own commands make no trip."""
    print(f"\n{traffic.reads:,} round trips for {traffic.tasks} tasks: {traffic.reads / traffic.tasks:.2f} a task")
    print(f"\ncommands of the last run of {traffic.tasks} tasks (those that only scripts call are left out)\n")
    for name, calls in sorted(traffic.commands.items(), key=lambda row: -row[1]):
        if name not in OF_SCRIPTS and calls > traffic.environments // 2:
            print(f"{name:>24}{calls:10,}{calls / traffic.tasks:10.2f} a task")


if __name__ == "__main__":
    sys.exit(main())
