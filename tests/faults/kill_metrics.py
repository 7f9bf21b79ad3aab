"""What the measurements of a killed worker lose, counted: each upload strategy under `kill -9`, with both planners.

    python -m tests.faults.kill_metrics --kills 20 [--strategy every:300ms] [--planner P] [--seed N]

Every task of the workload writes a line when it ends, so that it is known what was to be measured; a busy environment
is killed at a random moment, and the run goes on without it. *Ended* are the tasks that had ended in it by then, *lost*
those of them without a row in the run's spans, *most* those of one kill; *age* is how long before its kill a lost one
had ended, at most. Each strategy has a bound on what it may lose, and *over* counts what was lost beyond it:

    shutdown     everything of the invocation
    task         what ended within a moment: the send under way, the rest before it, a commit that was not answered
    every:T      what ended within T and a moment
    queue:N      the last N - 1, and what ended within a moment

Exit code 1 when a run's result is wrong, anything was lost beyond a bound, a row came twice, or a worker that was not
killed lost one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from compiler.emit.bundle import Build
from runtime.spans import TaskSpan
from runtime.timeline import gather
from runtime.upload import parse_upload
from tests.faults.campaign import run_under
from tests.faults.kill_environments import kill_one
from tests.faults.workloads import SHORT_LEASES, own_home, small_bench
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

STRATEGIES = ("shutdown", "task", "every:300ms", "queue:10")
LANES, STEPS = 4, 40
MOMENT_S = 0.5
"""A send, the rest before it and a commit, on a machine that is busy with other things."""

CLOCK_S = 0.01
"""How far a row may lie off the line that its task wrote."""

LANES_OF_STEPS = """
params: {marks: {type: str}, lanes: {type: int}, steps: {type: int}}
tasks:
  step:
    call: functions:step
    foreach: {lane: "${{ range(params.lanes) }}", i: "${{ range(params.steps) }}"}
    args: ["${{ params.marks }}", "${{ lane }}", "${{ i }}", "${{ tasks.step[lane][i-1] if i else 0 }}"]
  check:
    call: functions:total
    foreach: {lane: "${{ range(params.lanes) }}", i: "${{ range(0, params.steps, 5) }}"}
    args: ["${{ tasks.step[lane][i] }}", "${{ tasks.step[(lane + 1) % params.lanes][i] }}"]
  end: {call: "functions:total", args: ["${{ tasks.check }}"]}
result: ${{ tasks.end }}
"""
FUNCTIONS = """
import os
import time


def step(marks, lane, i, before):
    time.sleep(0.02 + (7 * lane + i) % 5 / 200)
    with open(marks, "ab", buffering=0) as file:
        file.write(f"{os.getpid()} step[{lane},{i}] {time.time()}\\n".encode())
    return before + 1


def total(*terms):
    return sum(sum(term) if isinstance(term, list) else term for term in terms)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A task ended in a process."""

    pid: int
    task: str
    at: float


@dataclass(slots=True, kw_only=True)
class Loss:
    """What was counted. `problems` are what should not be."""

    kills: int = 0
    ended: int = 0
    lost: int = 0
    most: int = 0
    age_s: float = 0.0
    over: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, ended: Sequence[Mark], lost: Sequence[Mark], killed_at: float, *, over: int) -> None:
        self.kills += 1
        self.ended += len(ended)
        self.lost += len(lost)
        self.most = max(self.most, len(lost))
        self.age_s = max([self.age_s, *(killed_at - mark.at for mark in lost)])
        self.over += over

    @property
    def is_good(self) -> bool:
        return not self.over and not self.problems


def expected() -> int:
    checks = range(0, STEPS, 5)
    return 2 * LANES * sum(i + 1 for i in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The workload, and the file that its tasks write to."""

    build: Build
    marks: Path


def build_lanes(folder: Path, planner: str) -> Lanes:
    marks = folder / "marks"
    path = write_workflow(folder, LANES_OF_STEPS, FUNCTIONS, name="lanes")
    build = compile_at(path, planner, workers=LANES, marks=str(marks), lanes=LANES, steps=STEPS)
    return Lanes(build=build, marks=marks)


def read_marks(path: Path) -> list[Mark]:
    rows = (line.split() for line in path.read_text().splitlines())
    return [Mark(pid=int(pid), task=task, at=float(at)) for pid, task, at in rows]


def read_rows(bench: Bench) -> tuple[list[TaskSpan], list[str]]:
    """The rows of the only run whose keys are there, and what is wrong with them; the keys go."""
    problems: list[str] = []
    rows: list[TaskSpan] = []
    for key in bench.client.scan_iter("*:spans"):
        found = gather(bench.client.lrange(key, 0, -1))
        problems += found.problems
        rows += [span for one in found.invocations for span in one.spans]
    if left := bench.left_keys():
        bench.client.delete(*left)
    twice = [name for name, number in Counter((row.task, row.started_at) for row in rows).items() if number > 1]
    return rows, [*problems, *(f"{task} came twice" for task, _ in twice)]


def without_row(marks: Iterable[Mark], rows: Iterable[TaskSpan]) -> list[Mark]:
    """The marks of attempts that no row tells of."""
    by_task: dict[str, list[TaskSpan]] = {}
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    return [mark for mark in marks if not any(_covers(row, mark) for row in by_task.get(mark.task, ()))]


def _covers(row: TaskSpan, mark: Mark) -> bool:
    return row.started_at - CLOCK_S <= mark.at <= row.started_at + row.exec_s + CLOCK_S


def beyond(strategy: str, ended: Sequence[Mark], lost: Sequence[Mark], killed_at: float) -> int:
    """How many of `lost` the strategy may not lose. `ended` are in the order of their ends."""
    upload = parse_upload(strategy)
    if upload.rows == upload.age_s == inf:
        first = ended.index(lost[0]) if lost else len(ended)
        return sum(mark not in lost for mark in ended[first:])
    since = killed_at - MOMENT_S - (upload.age_s if upload.age_s < inf else 0)
    newest = ended[len(ended) - int(upload.rows) + 1 :] if 1 < upload.rows < inf else ()
    return sum(mark.at < since and mark not in newest for mark in lost)


def kill_once(bench: Bench, lanes: Lanes, strategy: str, seed: int, loss: Loss) -> None:
    """One run that loses an environment; what it lost is added. One that was over before is not."""
    lanes.marks.write_text("")
    killed_at = inf
    chance = random.Random(seed)

    def act(over: threading.Event) -> str:
        nonlocal killed_at
        over.wait(chance.uniform(0, 0.8))
        pid = kill_one(bench, chance, over)
        killed_at = time.time()
        return pid

    settings = replace(SHORT_LEASES, metrics_upload=strategy)
    outcome = run_under(bench, lanes.build, expected(), act, settings=settings, keep=True)
    rows, problems = read_rows(bench)
    if outcome.kind != "right":
        problems.append(f"seed {seed}: {outcome.kind}: {outcome.detail}")
    found = sorted(read_marks(lanes.marks), key=lambda mark: mark.at)
    missing = without_row(found, rows)
    pid = int(outcome.hit or 0)
    others = [mark.task for mark in missing if mark.pid != pid]
    loss.problems += [*problems, *(f"seed {seed}: {task} was lost by a worker that was not killed" for task in others)]
    ended = [mark for mark in found if mark.pid == pid]
    if ended:
        lost = [mark for mark in missing if mark.pid == pid]
        loss.add(ended, lost, killed_at, over=beyond(strategy, ended, lost, killed_at))


def campaign(bench: Bench, lanes: Lanes, strategy: str, *, kills: int, seed: int) -> Loss:
    """So many kills of one strategy, in at most four times as many runs."""
    loss = Loss()
    for turn in range(seed, seed + 4 * kills):
        if loss.kills < kills:
            kill_once(bench, lanes, strategy, turn, loss)
    return loss


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each strategy with each planner")
    parser.add_argument("--strategy", action="append", help="as --metrics takes it")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    is_good = True
    print(f"{'strategy':<14}{'planner':<9}{'kills':>6}{'ended':>7}{'lost':>6}{'most':>6}{'age ms':>8}{'over':>6}")
    with own_home(), small_bench() as bench:
        for strategy in args.strategy or STRATEGIES:
            for planner in args.planner or PLANNERS:
                with tempfile.TemporaryDirectory() as folder:
                    lanes = build_lanes(Path(folder), planner)
                    loss = campaign(bench, lanes, strategy, kills=args.kills, seed=args.seed)
                is_good &= loss.is_good and loss.kills >= args.kills
                figures = f"{loss.kills:>6}{loss.ended:>7}{loss.lost:>6}{loss.most:>6}{1000 * loss.age_s:>8.0f}"
                print(f"{strategy:<14}{planner:<9}{figures}{loss.over:>6}", flush=True)
                for problem in loss.problems:
                    print(f"  {problem}", flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
