"""Experiments: workflows, planners, objectives and sizes of memory in all combinations, run for real, a CSV row each.

    python -m tests.benchmarks.experiments [--folder DIR] [--workflows gemm,wordcount] [--planners simple,wukong]
        [--slas average,p50,p90,p95,p99] [--memory 512,1769] [--repetitions 10] [--learn 3] [--cold]
        [--link lambda] [--environments 4] [--only 'gemm simple'] [--dry-run] [--table]

Each run is `treadle run`, then `treadle runs show`, as commands with a home of their own in the folder: the history of
the user stays as it is, and that of the campaign grows from run to run. A row has what the run promised before it began
and what it was. `--learn` runs of each workflow and memory come first and only make history. Repetitions are
interleaved: whatever else the machine does meets all combinations alike.

Stop it whenever you like (Ctrl-C) and start it again with the same options: a row that is there is not repeated.
`--repetitions 20` after ten goes on with the eleventh. `--dry-run` lists and estimates, `--table` prints what there is,
and whether the real runs confirm the predicted order of the planners.

Warm (the default): one local service stays for all runs, and environments idle between them. `--cold`: every run begins
with none. Both may go into one file, in two invocations.

A workflow is a folder of `manifests/` or the path of a manifest, with its params after a colon:
`tree_reduction:leaves=64`. Its objective, and the least memory of tasks that write none, are put into a copy of it; a
planner that chooses sizes may choose larger ones (`sizes_mb` tells which).

On a machine with more cores: check out the same commit there, `pip install -e '.[dev]'`, and give `--environments` as
many as there are cores, so that no two share one; with `--link lambda` workers reach Redis as on AWS. The columns
`cores` and `commit` tell the rows of two machines apart; `(cat one.csv; tail -n +2 other.csv)` puts files together.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from compiler.planner.strategies import STRATEGIES
from runtime.quantities import seconds_text
from tests.benchmarks.experiments.cases import AS_WRITTEN, KEY, Case, Settings, Wanted, cases
from tests.benchmarks.experiments.ledger import Ledger, LedgerUnfit, Row, open_ledger, read_rows
from tests.benchmarks.experiments.measuring import CommandFailed, bench, located, measure
from tests.benchmarks.experiments.orders import rows_of_orders
from tests.benchmarks.experiments.reports import numbers, rows_of_table
from tests.benchmarks.traces import table

GUESS_S = 5.0
"""What a run with its planning takes, as long as nobody has seen one."""


def parser() -> argparse.ArgumentParser:
    own = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own.add_argument("--folder", type=Path, default=Path("experiments"), help="runs.csv, variants and the home")
    own.add_argument("--workflows", default="gemm,wordcount,text_analysis,montage,tree_reduction", help="by comma")
    own.add_argument("--planners", default=",".join(STRATEGIES), help="by comma (default: all there are)")
    own.add_argument("--slas", default="average,p50,p90,p95,p99", help="objectives, by comma")
    own.add_argument("--memory", default=AS_WRITTEN, help="least MB, by comma (default: what the manifest says)")
    own.add_argument("--repetitions", type=int, default=10, help="measured runs of each combination")
    own.add_argument("--learn", type=int, default=3, help="runs before them, of each workflow and memory")
    own.add_argument("--cold", action="store_true", help="every run begins without an environment")
    own.add_argument("--link", default="none", help="what lies between workers and Redis, such as lambda")
    own.add_argument("--environments", type=int, default=4, help="how many may live at one time")
    own.add_argument("--limit", type=float, default=300.0, help="seconds that one command may take")
    own.add_argument("--only", action="append", default=[], help="runs that have all these words; may be repeated")
    own.add_argument("--dry-run", action="store_true", help="list what would be run, and estimate the time")
    own.add_argument("--table", action="store_true", help="print a table of the rows there are, and run nothing")
    return own


def wanted_by(args: argparse.Namespace) -> Wanted:
    """Raises FileNotFoundError for a workflow, and ValueError for another value, that is none."""
    workflows, planners = _words(args.workflows), _words(args.planners)
    for workflow in workflows:
        located(workflow)
    for planner in planners:
        if planner not in STRATEGIES:
            raise ValueError(f"{planner} is no planner; there are {', '.join(STRATEGIES)}")
    slas, memories = _words(args.slas), _words(args.memory) or [AS_WRITTEN]
    if not (workflows and planners and slas):
        raise ValueError("at least one workflow, one planner and one objective are to be named")
    for memory in memories:
        if memory and not memory.isdecimal():
            raise ValueError(f"{memory} is no number of MB")
    return Wanted(
        workflows=workflows,
        planners=planners,
        slas=slas,
        memories_mb=memories,
        repetitions=args.repetitions,
        learn=args.learn,
        only=args.only,
        settings=Settings(start="cold" if args.cold else "warm", link=args.link, environments=args.environments),
    )


def _words(text: str) -> list[str]:
    """Split at commas, but not those between the params of a workflow, which have a `=` and no `:` before it."""
    found: list[str] = []
    for word in text.split(","):
        if found and ":" in found[-1] and "=" in word and ":" not in word:
            found[-1] += f",{word}"
        elif word:
            found.append(word.strip())
    return list(dict.fromkeys(found))


def estimate_s(case: Case, rows: Sequence[Row]) -> float:
    """What the workflow's runs took so far, else what any took, else a guess."""
    same = numbers([row for row in rows if row["workflow"] == case.workflow], "took_s")
    known = same or numbers(rows, "took_s") or [GUESS_S]
    return sum(known) / len(known)


def work_off(todo: Sequence[Case], ledger: Ledger, args: argparse.Namespace, settings: Settings) -> None:
    if not todo:
        return
    with bench(args.folder, settings, args.limit) as place:
        for number, case in enumerate(todo, 1):
            row = ledger.append(case, measure(case, place, args.folder))
            left_s = sum(estimate_s(one, ledger.rows) for one in todo[number:])
            took = f"{float(row['makespan_s']):.3f} s" if row["makespan_s"] else row["message"]
            print(
                f"{number:,}/{len(todo):,}  {case}  {row['outcome']}  {took}  · {seconds_text(left_s)} left",
                file=sys.stderr,
                flush=True,
            )


def dry_run(todo: Sequence[Case], rows: Sequence[Row], have: int) -> None:
    for case in todo:
        print(case)
    whole_s = sum(estimate_s(case, rows) for case in todo)
    known = "from the rows there are" if numbers(rows, "took_s") else f"a guess: {GUESS_S:g} s each"
    print(f"{len(todo):,} runs, some {seconds_text(whole_s)} ({known}); {have:,} are there already")


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file: Path = args.folder / "runs.csv"
    began = time.monotonic()
    try:
        if args.table:
            rows = read_rows(file)
            print(table(list(rows_of_table(rows))), table(list(rows_of_orders(rows))), sep="\n\n")
            return 0
        wanted = wanted_by(args)
        if args.dry_run:
            rows = read_rows(file) if file.exists() else []
            there = {tuple(row[name] for name in KEY) for row in rows}
            everything = cases(wanted)
            todo = [case for case in everything if case.key not in there]
            dry_run(todo, rows, len(everything) - len(todo))
            return 0
        with open_ledger(file) as ledger:
            todo = [case for case in cases(wanted) if not ledger.has(case)]
            try:
                work_off(todo, ledger, args, wanted.settings)
            except KeyboardInterrupt:
                print(f"stopped; {file} is whole, and the same command goes on", file=sys.stderr)
                return 130
        print(f"{len(todo):,} runs in {seconds_text(time.monotonic() - began)}: {file}", file=sys.stderr)
    except (LedgerUnfit, CommandFailed, OSError, ValueError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
