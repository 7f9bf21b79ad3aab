"""A workflow longer than an invocation may be: hand-overs counted, and what of it ran more than once.

    python -m tests.faults.time_limit
    python -m tests.faults.time_limit --limit 60 --seconds 180 --planner simple

One chain of steps on one worker, so that nobody else can do its work: short ones of one function, which are never cut,
and then a function, a command, and code that holds its thread against every interruption, each of which needs more than
half of an invocation. Told for each run: how long it took, *invocations* begun, *cut* attempts, which began again, and
steps that ran *twice* without being one of these three. Exit code 1 when the result is wrong, fewer than two hand-overs
were made, or a short step ran twice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import launch
from runtime.local.stack import ensure_stack
from tests.integration.running import DEPLOYMENT, PLANNERS, Bench, compile_at, write_workflow

CHAIN = """
params: {marks: {type: str}, n: {type: int}, short: {type: float}, long: {type: float}}
tasks:
  step:
    call: functions:step
    foreach: {i: "${{ range(params.n) }}"}
    args: ["${{ params.marks }}", "step ${{ i }}", "${{ params.short }}", "${{ tasks.step[i-1] if i else 0 }}"]
    worker: one
  function:
    call: functions:step
    args: ["${{ params.marks }}", function, "${{ params.long }}", "${{ tasks.step[params.n - 1] }}"]
    worker: one
  command:
    exec:
      argv:
        - sh
        - -c
        - echo command >> "$1"; sleep "$2"; expr "$3" + 1
        - sh
        - ${{ params.marks }}
        - ${{ params.long }}
        - ${{ tasks.function }}
      stdout: json
    worker: one
  stubborn:
    call: functions:stubborn
    args: ["${{ params.marks }}", stubborn, "${{ params.long }}", "${{ tasks.command }}"]
    worker: one
result: ${{ tasks.stubborn }}
"""
STEPS = """
import time


def mark(marks, name):
    with open(marks, "a") as file:
        file.write(name + "\\n")


def step(marks, name, seconds, before):
    mark(marks, name)
    time.sleep(seconds)
    return before + 1


def stubborn(marks, name, seconds, before):
    mark(marks, name)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        try:
            time.sleep(give_up - time.monotonic())
        except BaseException:
            pass
    return before + 1
"""
LONG_ONES = ("function", "command", "stubborn")
SHORT_SHARE = 0.3
LONG_SHARE = 0.55


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run; see the module's docstring."""

    is_right: bool
    seconds: float
    invocations: int
    cut: int
    told_cut: int
    twice: int

    @property
    def is_good(self) -> bool:
        return self.is_right and self.invocations > 2 and not self.twice


@contextmanager
def limited_bench() -> Iterator[Bench]:
    with (
        ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=4)) as stack,
        redis.Redis.from_url(stack.redis_url) as client,
    ):
        yield Bench(stack, client)


def build_chain(folder: Path, planner: str, limit_s: int, seconds: float) -> tuple[Build, Path, int]:
    """The workflow, the file that its steps write to, and its result."""
    short, long = SHORT_SHARE * limit_s, LONG_SHARE * limit_s
    count = max(1, round((seconds - len(LONG_ONES) * long) / short))
    marks = folder / "marks"
    marks.write_text("")
    build = compile_at(write_workflow(folder, CHAIN, STEPS), planner, marks=str(marks), n=count, short=short, long=long)
    return build, marks, count + len(LONG_ONES)


def run_limited(bench: Bench, folder: Path, planner: str, limit_s: int, seconds: float) -> Outcome:
    """One run whose functions have a `Timeout` of `limit_s`."""
    build, marks, expected = build_chain(folder, planner, limit_s, seconds)
    target = replace(bench.target, time_limit_s=limit_s)
    began = time.monotonic()
    result = launch(build.loaded, target, WorkerSettings(fan_out=4, deadline_s=10 * seconds + 60))
    ran = Counter(marks.read_text().splitlines())
    return Outcome(
        is_right=result.result == expected,
        seconds=time.monotonic() - began,
        invocations=result.invocations,
        cut=sum(ran[name] - 1 for name in LONG_ONES),
        told_cut=sum(span.outcome == "cut" for span in result.timeline.spans) if result.timeline else -1,
        twice=sum(count > 1 for name, count in ran.items() if name not in LONG_ONES),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=60, help="seconds that an invocation may take")
    parser.add_argument("--seconds", type=float, default=180.0, help="of work in the workflow")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    args = parser.parse_args()
    is_good = True
    print(f"{'planner':<9}{'limit s':>8}{'work s':>8}{'wall s':>8}{'invocations':>13}{'cut':>5}{'twice':>7}")
    with limited_bench() as bench:
        for planner in args.planner or PLANNERS:
            with tempfile.TemporaryDirectory() as folder:
                one = run_limited(bench, Path(folder), planner, args.limit, args.seconds)
            is_good &= one.is_good
            print(
                f"{planner:<9}{args.limit:>8}{args.seconds:>8.0f}{one.seconds:>8.1f}{one.invocations:>13}{one.cut:>5}"
                f"{one.twice:>7}{'' if one.is_good else '  WRONG'}",
                flush=True,
            )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
