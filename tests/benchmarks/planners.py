"""Planners side by side in simulation, on the same history: who is faster, and at what cost?

    python -m tests.benchmarks.planners [--traces FOLDER] [--examples all] [--folder DIR] [--runs 3]
        [--percentile 95] [--environments 16] [--link lambda] [--cores N] [--only NAME…] [--rounds N] [--fresh SEED]

`--examples` are folders of `manifests/`, by comma, or `all`: they are run `--runs` times for real first, on a local
service, and these runs are kept in `--folder`. `--traces` is a folder of recorded runs in WfFormat. Everything else
is simulated: `--environments` with CPUs of their own, as on Lambda (`--cores` to share), over `--link`.

For each workflow a row for each planner: the makespan at p50 and at the objective's percentile, cost, workers, cold
starts, bytes that left a worker, seconds of planning. `alone` is `treadle` without its rivals' plans among its
candidates. Beside them a HEFT schedule that pays nothing for coordination, and what no run can be shorter than.

Then what `treadle` promises, for each rival, once as it is and once alone:

- *least of all*: with no budget its makespan is no longer than any rival's, within `NOISE`;
- *at its cost*: with the rival's cost for a budget it is no longer than that rival's, and costs no more. Where it is
  shorter it is strictly better, and by more where that is more than `NOISE`.

Judged is by the draws that `treadle` chose by; with `--fresh SEED` by others, which it has not seen.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.planner.bounds import Bounds, bounds
from compiler.planner.model import Plan
from compiler.planner.outlook import Outlook, look_ahead
from compiler.planner.problem import Problem
from compiler.planner.strategies import STRATEGIES
from compiler.planner.treadle import NAME, search
from runtime.quantities import format_size
from tests.benchmarks.planner_cases import Case, example_names, examples, traces
from tests.benchmarks.traces import table

Planner = Callable[[Problem], Plan]

NOISE = 0.01
ALONE = "alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a planner made of a case."""

    planner: str
    outlook: Outlook
    planning_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """`treadle` with a rival's cost for its budget. Seconds at the objective's percentile, and dollars."""

    case: str
    rival: str
    is_alone: bool
    ours_s: float
    theirs_s: float
    ours_usd: float
    theirs_usd: float

    @property
    def is_worse(self) -> bool:
        return self.ours_s > self.theirs_s * (1 + 1e-9) or self.ours_usd > self.theirs_usd * (1 + 1e-9)

    @property
    def is_worse_than_noise(self) -> bool:
        return self.ours_s > self.theirs_s * (1 + NOISE) or self.ours_usd > self.theirs_usd * (1 + NOISE)

    @property
    def is_better(self) -> bool:
        return not self.is_worse and self.ours_s < self.theirs_s

    @property
    def is_clearly_better(self) -> bool:
        return not self.is_worse and self.ours_s < self.theirs_s * (1 - NOISE)


class Bench:
    """One case, planned by everybody."""

    def __init__(self, case: Case, args: argparse.Namespace) -> None:
        self.case, self.percentile, self.fresh = case, args.percentile, args.fresh
        self.rivals = [name for name in sorted(STRATEGIES) if name != NAME]
        self.rows: dict[str, Row] = {}
        self.bounds: Bounds = bounds(self._problem())

    def run(self) -> list[Duel]:
        for rival in self.rivals:
            self._row(rival, STRATEGIES[rival])
        self._row(NAME, lambda problem: search(problem, self.rivals))
        self._row(ALONE, lambda problem: search(problem, []))
        return [self._duel(rival, is_alone) for is_alone in (False, True) for rival in self.rivals]

    def _problem(self, budget_usd: float | None = None) -> Problem:
        return self.case.problem(self.percentile, budget_usd)

    def _row(self, name: str, plan: Planner) -> None:
        began = time.process_time()
        made = plan(self._problem())
        self.rows[name] = Row(planner=name, outlook=self._judge(made), planning_s=time.process_time() - began)

    def _judge(self, plan: Plan) -> Outlook:
        """What is expected of a plan, by the draws that planners saw or by fresh ones."""
        problem = self._problem()
        if self.fresh is not None:
            problem = replace(problem, options=replace(problem.options, seed=self.fresh))
        return look_ahead(problem, plan)

    def _duel(self, rival: str, is_alone: bool) -> Duel:
        theirs, ours = self.rows[rival].outlook, self.rows[ALONE if is_alone else NAME].outlook
        if ours.cost.usd > theirs.cost.usd or self.seconds(ours) > self.seconds(theirs):
            problem = self._problem(budget_usd=theirs.cost.usd)
            ours = self._judge(search(problem, [] if is_alone else self.rivals))
        return Duel(
            case=self.case.name,
            rival=rival,
            is_alone=is_alone,
            ours_s=self.seconds(ours),
            theirs_s=self.seconds(theirs),
            ours_usd=ours.cost.usd,
            theirs_usd=theirs.cost.usd,
        )

    def seconds(self, outlook: Outlook) -> float:
        return outlook.quantile(self.percentile)

    def least(self, name: str) -> float:
        """How many times the makespan of the fastest rival that of `name` is."""
        return self.seconds(self.rows[name].outlook) / min(self.seconds(self.rows[one].outlook) for one in self.rivals)


def figure_rows(bench: Bench) -> Iterator[Sequence[str]]:
    """The table of one case."""
    yield ("planner", "p50", f"p{bench.percentile:g}", "cost", "workers", "cold", "moved", "planning")
    for name, row in bench.rows.items():
        outlook = row.outlook
        yield (
            name,
            f"{outlook.quantile(50):,.3f} s",
            f"{bench.seconds(outlook):,.3f} s",
            f"${outlook.cost.usd:.6f}",
            str(outlook.workers),
            str(outlook.cold),
            format_size(outlook.bytes_moved),
            f"{row.planning_s:.2f} s",
        )
    for name, seconds in (("HEFT schedule", bench.bounds.heft_s), ("no shorter than", bench.bounds.least_s)):
        yield (name, f"{seconds:,.3f} s", *[""] * 6)


def duel_rows(duels: Sequence[Duel]) -> Iterator[Sequence[str]]:
    """Those that `treadle` loses."""
    yield ("workflow", "against", "treadle", "its time", "rival's", "its cost", "rival's")
    for one in duels:
        if one.is_worse:
            yield (
                one.case,
                one.rival,
                "alone" if one.is_alone else "",
                f"{one.ours_s:,.3f} s",
                f"{one.theirs_s:,.3f} s",
                f"${one.ours_usd:.6f}",
                f"${one.theirs_usd:.6f}",
            )


def verdict_rows(benches: Sequence[Bench], duels: Sequence[Duel]) -> Iterator[Sequence[str]]:
    yield ("treadle", "least of all", "shorter", "at its cost", "worse", "by more than noise", "better", "by more")
    for name in (NAME, ALONE):
        ratios = [bench.least(name) for bench in benches]
        own = [one for one in duels if one.is_alone == (name == ALONE)]
        yield (
            name,
            f"{sum(ratio <= 1 + NOISE for ratio in ratios)} of {len(ratios)}",
            f"{sum(ratio < 1 - NOISE for ratio in ratios)} of {len(ratios)}",
            f"{sum(not one.is_worse for one in own)} of {len(own)}",
            str(sum(one.is_worse for one in own)),
            str(sum(one.is_worse_than_noise for one in own)),
            f"{sum(one.is_better for one in own)} of {len(own)}",
            f"{sum(one.is_clearly_better for one in own)} of {len(own)}",
        )


def parser() -> argparse.ArgumentParser:
    own = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.planners",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own.add_argument("--traces", type=Path, metavar="FOLDER", help="recorded runs in WfFormat")
    own.add_argument("--examples", default="", help="folders of manifests/ by comma, or all")
    own.add_argument("--folder", type=Path, help="where real runs are kept")
    own.add_argument("--runs", type=int, default=3, help="real runs of each example")
    own.add_argument("--percentile", type=float, default=95.0, help="what planners aim at and are judged by")
    own.add_argument("--environments", type=int, default=16, help="how many may live at one time")
    own.add_argument("--link", default="lambda", help="what lies between workers and Redis")
    own.add_argument("--cores", type=float, help="CPUs that all share (default: each has its own)")
    own.add_argument("--only", nargs="*", default=[], help="names that contain one of these words")
    own.add_argument("--rounds", type=int, help="how long searches may search (default: what planners find right)")
    own.add_argument("--fresh", type=int, metavar="SEED", help="judge by draws that no planner has seen")
    return own


def cases(args: argparse.Namespace, temporary: Path) -> Iterator[Case]:
    def wanted(name: str) -> bool:
        return not args.only or any(word in name for word in args.only)

    names = example_names() if args.examples == "all" else [name for name in args.examples.split(",") if name]
    yield from examples(filter(wanted, names), args.folder or temporary / "runs", args)
    if args.traces is not None:
        paths = [path for path in sorted(args.traces.glob("*.json")) if wanted(path.stem)]
        yield from traces(paths, temporary, args)


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    benches: list[Bench] = []
    duels: list[Duel] = []
    with tempfile.TemporaryDirectory() as temporary:
        for case in cases(args, Path(temporary)):
            bench = Bench(case, args)
            duels += bench.run()
            benches.append(bench)
            print(f"{case.name}, {len(case.predictions.graph):,} tasks")
            print(table(list(figure_rows(bench))), flush=True)
            print()
    if not benches:
        print("nothing to compare: name --examples or --traces", file=sys.stderr)
        return 2
    print(table(list(verdict_rows(benches, duels))))
    lost = list(duel_rows(duels))
    if len(lost) > 1:
        print()
        print(table(lost))
    return 1 if any(one.is_worse_than_noise for one in duels) else 0


if __name__ == "__main__":
    sys.exit(main())
