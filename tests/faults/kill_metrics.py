"""What the measurements of a killed worker lose, counted: each upload strategy under `kill -9`, with both planners.

    python -m tests.faults.kill_metrics --kills 20 [--strategy every:300ms] [--planner P] [--harm H] [--seed N]

Every task of the workload writes a line when it ends, so that it is known what was to be measured; a busy environment
is killed at a random moment, and the run goes on without it. *Ended* are the tasks that had ended in it by then, *lost*
those of them without a row in the run's spans, *most* those of one kill; *age* is how long before its kill a lost one
had ended, at most. Each strategy has a bound on what it may lose, and *over* counts what was lost beyond it:

    shutdown     everything of the invocation
    task         what ended within a moment: the send under way, the rest before it, a commit that was not answered
    every:T      what ended within T and a moment
    queue:N      the last N - 1, and what ended within a moment

Harms: `kill`, as above; `memory`, a task takes more than its environment may have, and the service kills that.

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
from runtime.measures.spans import StartUp, TaskSpan
from runtime.measures.upload import parse_upload
from runtime.timeline import gather
from tests.faults.campaign import run_under
from tests.faults.kill_environments import kill_one
from tests.faults.workloads import SHORT_LEASES, own_home, small_bench
from tests.integration.running import PLANNERS, Bench, compile_at, write_workflow

STRATEGIES = ("shutdown", "task", "every:300ms", "queue:10")
LANES, STEPS = 4, 40
EATER = "eater"
MOMENT_S = 0.5
"""A send, the rest before it and a commit, on a machine that is busy with other things."""

CLOCK_S = 0.01
"""How far a row may lie off the line that its task wrote, beside what its own clock owns up to."""

LANES_OF_STEPS = """
params: {marks: {type: str}, lanes: {type: int}, steps: {type: int}}
tasks:
  step:
    call: functions:step
    foreach: {lane: "${{ range(params.lanes) }}", i: "${{ range(params.steps) }}"}
    args: ["${{ params.marks }}", "${{ lane }}", "${{ i }}", "${{ tasks.step[lane][i-1] if i else 0 }}"]
    resources: {memory: 192MiB}
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


def eat_once(marks):
    try:
        os.unlink(marks + ".hungry")
    except FileNotFoundError:
        return
    mark(marks, "eater")
    eaten = []
    while True:
        eaten.append(bytearray(8 << 20))
        time.sleep(0.005)


def mark(marks, name):
    with open(marks, "ab", buffering=0) as file:
        file.write(f"{os.getpid()} {name} {time.time()}\\n".encode())


def step(marks, lane, i, before):
    if (lane, i) == (1, 20):
        eat_once(marks)
    time.sleep(0.02 + (7 * lane + i) % 5 / 200)
    mark(marks, f"step[{lane}][{i}]")
    return before + 1


def total(*terms):
    return sum(total(*term) if isinstance(term, list) else term for term in terms)
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

    def take(self, other: Loss) -> None:
        self.kills += other.kills
        self.ended += other.ended
        self.lost += other.lost
        self.most = max(self.most, other.most)
        self.age_s = max(self.age_s, other.age_s)
        self.over += other.over
        self.problems += other.problems

    @property
    def is_good(self) -> bool:
        return not self.over and not self.problems


def expected() -> int:
    checks = range(0, STEPS, 5)
    return 2 * LANES * sum(i + 1 for i in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The workload, and the file that its tasks write to. One of them eats, once, while there is the file `hungry`."""

    build: Build
    marks: Path

    @property
    def hungry(self) -> Path:
        return self.marks.with_name("marks.hungry")


def build_lanes(folder: Path, planner: str) -> Lanes:
    marks = folder / "marks"
    path = write_workflow(folder, LANES_OF_STEPS, FUNCTIONS, name="lanes")
    build = compile_at(path, planner, workers=LANES, marks=str(marks), lanes=LANES, steps=STEPS)
    return Lanes(build=build, marks=marks)


def read_marks(path: Path) -> list[Mark]:
    rows = (line.split() for line in path.read_text().splitlines())
    return [Mark(pid=int(pid), task=task, at=float(at)) for pid, task, at in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An attempt as one of its invocation's rows tells of it."""

    span: TaskSpan
    start: StartUp

    def covers(self, mark: Mark) -> bool:
        """The task ended in this attempt; the loading of its code, if that was then, is in no span."""
        span, off_s = self.span, CLOCK_S + self.start.clock_error_s
        ends_by = span.started_at + span.exec_s + self.start.code_load_s + off_s
        return span.task == mark.task and span.started_at - off_s <= mark.at <= ends_by


def read_rows(bench: Bench) -> tuple[list[Row], list[str]]:
    """The rows of the only run whose keys are there, and what is wrong with them; the keys go."""
    problems: list[str] = []
    rows: list[Row] = []
    for key in bench.client.scan_iter("*:spans"):
        gathered = gather(bench.client.lrange(key, 0, -1))
        problems += gathered.problems
        for one in gathered.invocations:
            rows += [Row(span=span, start=one.start_up) for span in one.spans]
    if left := bench.left_keys():
        bench.client.delete(*left)
    found = Counter((row.span.task, row.span.started_at) for row in rows)
    return rows, [*problems, *(f"{task} came twice" for (task, _), number in found.items() if number > 1)]


def without_row(marks: Iterable[Mark], rows: Iterable[Row]) -> list[Mark]:
    """The marks of attempts that no row tells of."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row.span.task, []).append(row)
    return [mark for mark in marks if not any(row.covers(mark) for row in by_task.get(mark.task, ()))]


def beyond(strategy: str, ended: Sequence[Mark], lost: Sequence[Mark], killed_at: float) -> int:
    """How many of `lost` the strategy may not lose. `ended` are in the order of their ends."""
    upload = parse_upload(strategy)
    if upload.rows == upload.age_s == inf:
        first = ended.index(lost[0]) if lost else len(ended)
        return sum(mark not in lost for mark in ended[first:])
    since = killed_at - MOMENT_S - (upload.age_s if upload.age_s < inf else 0)
    newest = ended[len(ended) - int(upload.rows) + 1 :] if 1 < upload.rows < inf else ()
    return sum(mark.at < since and mark not in newest for mark in lost)


def killed(bench: Bench, lanes: Lanes, seed: int, over: threading.Event) -> tuple[str, float]:
    """A busy environment is killed at a moment of the seed's: its process, "" when the run was over, and when."""
    chance = random.Random(seed)
    over.wait(chance.uniform(0, 0.8))
    return kill_one(bench, chance, over), time.time()


def overfed(bench: Bench, lanes: Lanes, seed: int, over: threading.Event) -> tuple[str, float]:
    """A task eats: its process, and when it began to."""
    while not (eaters := [mark for mark in read_marks(lanes.marks) if mark.task == EATER]):
        if over.wait(0.02):
            return "", inf
    return str(eaters[0].pid), eaters[0].at


HARMS = {"kill": killed, "memory": overfed}


def harm_once(bench: Bench, lanes: Lanes, strategy: str, harm: str, seed: int) -> Loss:
    """One run that loses an environment: what it lost, if it was not over before, and what else is wrong."""
    lanes.marks.write_text("")
    _set(lanes.hungry, is_there=harm == "memory")
    victim, harmed_at = "", inf

    def act(over: threading.Event) -> str:
        nonlocal victim, harmed_at
        victim, harmed_at = HARMS[harm](bench, lanes, seed, over)
        return victim

    settings = replace(SHORT_LEASES, metrics_upload=strategy)
    outcome = run_under(bench, lanes.build, expected(), act, settings=settings, keep=True)
    rows, problems = read_rows(bench)
    if outcome.kind != "right":
        problems.append(f"{outcome.kind}: {outcome.detail}")
    found = sorted((mark for mark in read_marks(lanes.marks) if mark.task != EATER), key=lambda mark: mark.at)
    missing = without_row(found, rows)
    mine, others = ([mark for mark in missing if (str(mark.pid) == victim) is is_mine] for is_mine in (True, False))
    if others:
        problems.append(f"{others[0].task} and {len(others) - 1} more were lost by workers that were not killed")
    ended = [mark for mark in found if str(mark.pid) == victim]
    told = [f"seed {seed}: {problem}" for problem in problems]
    if not ended:
        return Loss(problems=told)
    return Loss(
        kills=1,
        ended=len(ended),
        lost=len(mine),
        most=len(mine),
        age_s=max((harmed_at - mark.at for mark in mine), default=0.0),
        over=beyond(strategy, ended, mine, harmed_at),
        problems=told,
    )


def _set(file: Path, *, is_there: bool) -> None:
    if is_there:
        file.touch()
    else:
        file.unlink(missing_ok=True)


def campaign(bench: Bench, lanes: Lanes, strategy: str, *, kills: int, seed: int, harm: str = "kill") -> Loss:
    """So many losses of an environment under one strategy, in at most four times as many runs."""
    loss = Loss()
    for turn in range(seed, seed + 4 * kills):
        if loss.kills < kills:
            loss.take(harm_once(bench, lanes, strategy, harm, turn))
    return loss


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each strategy with each planner")
    parser.add_argument("--strategy", action="append", help="as --metrics takes it")
    parser.add_argument("--planner", choices=PLANNERS, action="append")
    parser.add_argument("--harm", choices=HARMS, default="kill")
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
                    loss = campaign(bench, lanes, strategy, kills=args.kills, seed=args.seed, harm=args.harm)
                is_good &= loss.is_good and loss.kills >= args.kills
                figures = f"{loss.kills:>6}{loss.ended:>7}{loss.lost:>6}{loss.most:>6}{1000 * loss.age_s:>8.0f}"
                print(f"{strategy:<14}{planner:<9}{figures}{loss.over:>6}", flush=True)
                for problem in loss.problems:
                    print(f"  {problem}", flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
