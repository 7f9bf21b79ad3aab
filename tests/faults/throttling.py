"""1,000 tasks on five environments of a service that refuses requests (429): what is called, begun, refused, and run.

    python -m tests.faults.throttling
    python -m tests.faults.throttling --tasks 1000 --environments 5 --rates none,50,20 --planner simple

Three shapes: a fan-out, whose commits call many at once; a stencil of 20 rows on four times more workers than
environments; one of 5 rows whose every column is pinned to a worker of its own, so that 200 workers take turns. Each
task notes that it ran. Told for each run: *calls* that Lambda accepted, *refused* ones (429), *begun* invocations,
*idle* ones, which found nothing to do or another at work, and *twice*, the tasks that ran more than once. Idle ones
beyond those of the run without a rate were bred by throttling. Exit code 1 when a result is wrong, a task ran twice, or
a tenth and 20 more were begun than without a rate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from runtime.config import LocalSettings, WorkerSettings
from runtime.local.stack import ensure_stack
from tests.integration.running import DEPLOYMENT, PLANNERS, Bench, compile_at, write_workflow

FAN_OUT = """
params: {marks: {type: str}, n: {type: int}}
tasks:
  source: {call: "functions:start", args: ["${{ params.marks }}"]}
  leaf:
    call: functions:note
    foreach: {i: "${{ range(params.n) }}"}
    args: ["${{ params.marks }}", "leaf ${{ i }}", ["${{ tasks.source }}"]]
  sum: {call: "functions:total", args: ["${{ tasks.leaf }}"]}
result: ${{ tasks.sum }}
"""
ROWS = """
params: {marks: {type: str}, n: {type: int}}
let: {wide: "${{ params.n // %(rows)d }}"}
tasks:
  first:
    call: functions:note
    foreach: {i: "${{ range(wide) }}"}
    args: ["${{ params.marks }}", "first ${{ i }}", []]%(pin)s
  cell:
    call: functions:note
    foreach: {r: "${{ range(1, %(rows)d) }}", i: "${{ range(wide) }}"}
    args:
      - ${{ params.marks }}
      - cell ${{ r }} ${{ i }}
      - - ${{ tasks.first[i] if r == 1 else tasks.cell[r-1][i] }}
        - ${{ tasks.first[(i+1) %% wide] if r == 1 else tasks.cell[r-1][(i+1) %% wide] }}%(pin)s
  sum: {call: "functions:total", args: [{all: "${{ tasks.cell[%(rows)d - 1] }}"}]}
result: ${{ tasks.sum }}
"""
NOTES = """
import os
import time


def start(marks):
    return 0


def note(marks, name, inputs):
    with open(marks, "a") as file:
        file.write(name + "\\n")
    time.sleep(0.002)
    return 1


def total(ones):
    return sum(ones["all"] if isinstance(ones, dict) else ones)
"""
SHAPES = {
    "fan-out": (FAN_OUT, 1),
    "stencil": (ROWS % {"rows": 20, "pin": ""}, 20),
    "pinned": (ROWS % {"rows": 5, "pin": "\n    worker: p${{ i }}"}, 5),
}
"""Each with the number of tasks for which its result counts one."""

BURST = 5
ROW = "{:<9}{:<8}{:>5}{:>7}{:>9}{:>7}{:>6}{:>7}{:>8}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one run; see the module's docstring."""

    is_right: bool
    calls: int
    refused: int
    begun: int
    idle: int
    twice: int
    wall_s: float


@contextmanager
def throttled_bench(environments: int, rate: float | None) -> Iterator[Bench]:
    settings = LocalSettings(
        deployment=DEPLOYMENT, concurrency_limit=environments, request_rate=rate, request_burst=BURST
    )
    with ensure_stack(settings) as stack, redis.Redis.from_url(stack.redis_url) as client:
        yield Bench(stack, client)


def build_shape(folder: Path, shape: str, planner: str, tasks: int, environments: int) -> tuple[Build, Path]:
    """The workflow, and the file that its tasks write to."""
    marks = folder / "marks"
    path = write_workflow(folder, SHAPES[shape][0], NOTES)
    return compile_at(path, planner, workers=4 * environments, marks=str(marks), n=tasks), marks


def run_throttled(
    build: Build, marks: Path, expected: int, environments: int, *, rate: float | None, fan_out: int = 0
) -> Outcome:
    """One run on a service of its own; a commit calls as many workers as there are environments, or `fan_out`."""
    marks.write_text("")
    with throttled_bench(environments, rate) as bench:
        result = bench.run(build, WorkerSettings(fan_out=fan_out or environments, deadline_s=300.0))
        functions = bench.stack.status()["functions"]
        assert isinstance(functions, list)
        served, refused = (sum(int(one[name]) for one in functions) for name in ("invocations", "throttles"))
    ran = Counter(marks.read_text().splitlines())
    return Outcome(
        is_right=result.result == expected,
        calls=served,
        refused=refused,
        begun=result.invocations,
        idle=served - result.invocations,
        twice=sum(count > 1 for count in ran.values()),
        wall_s=result.wall_s,
    )


def is_good(outcome: Outcome, unbounded: Outcome) -> bool:
    return outcome.is_right and not outcome.twice and outcome.begun <= 1.1 * unbounded.begun + 20


def compare(
    folder: Path, shape: str, planner: str, *, tasks: int, environments: int, rates: Sequence[float | None]
) -> Iterator[tuple[float | None, Outcome]]:
    """The same workflow at each of `rates`."""
    build, marks = build_shape(folder, shape, planner, tasks, environments)
    expected = tasks // SHAPES[shape][1]
    for rate in rates:
        yield rate, run_throttled(build, marks, expected, environments, rate=rate)


def _rates(text: str) -> list[float | None]:
    return [None if word == "none" else float(word) for word in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--environments", type=int, default=5)
    parser.add_argument("--rates", type=_rates, default=[None, 50.0, 20.0], help="requests a second; the first: none")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    args = parser.parse_args()
    print(ROW.format("shape", "planner", "rate", "calls", "refused", "begun", "idle", "twice", "wall s"))
    failed = False
    for shape in SHAPES:
        for planner in args.planner or PLANNERS:
            with tempfile.TemporaryDirectory() as folder:
                unbounded: Outcome | None = None
                for rate, one in compare(
                    Path(folder), shape, planner, tasks=args.tasks, environments=args.environments, rates=args.rates
                ):
                    unbounded = unbounded or one
                    good = is_good(one, unbounded)
                    failed |= not good
                    counts = (one.calls, one.refused, one.begun, one.idle, one.twice, f"{one.wall_s:.1f}")
                    print(ROW.format(shape, planner, rate or "-", *counts), "" if good else "WRONG", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
