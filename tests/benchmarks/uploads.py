"""What each upload strategy costs on no-op tasks, as a ratio to `shutdown`, which sends nothing until the end.

    python -m tests.benchmarks.uploads [--rounds N] [--strategy task]

Each round runs every strategy once on every shape with both planners, one after the other and beginning with another
one each time, so that the machine's noise meets all of them alike. Printed: the median makespan of `shutdown` in ms,
and for each other strategy the median of its ratio to the `shutdown` of the same round, with the middle half of the
ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.bundle import LoadedBundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from tests.benchmarks.noop import ENVIRONMENTS, PLANNERS
from tests.benchmarks.shapes import shapes, write

STRATEGIES = ("task", "every:10ms", "every:5s", "queue:50")
BASE = "shutdown"
Row = tuple[str, str]
"""A shape and a planner."""


def bundles(folder: Path) -> dict[Row, LoadedBundle]:
    options = {
        planner: CompileOptions(planner=planner, workers=ENVIRONMENTS, concurrency=ENVIRONMENTS) for planner in PLANNERS
    }
    return {
        (shape.name, planner): compile_workflow(write(shape, folder), options[planner]).loaded
        for shape in shapes()
        for planner in PLANNERS
    }


def measure(rounds: int, strategies: tuple[str, ...]) -> dict[tuple[Row, str], list[float]]:
    """Makespans in ms of each row and strategy, one for each round."""
    times: dict[tuple[Row, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ensure_stack(LocalSettings(concurrency_limit=ENVIRONMENTS)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        made = bundles(Path(folder))
        for number in range(-1, rounds):
            turn = number % len(strategies)
            for row, bundle in made.items():
                for strategy in (*strategies[turn:], *strategies[:turn]):
                    settings = WorkerSettings(fan_out=ENVIRONMENTS, metrics_upload=strategy)
                    makespan_s = launch(bundle, target, settings).makespan_s
                    if number >= 0:
                        times.setdefault((row, strategy), []).append(1000 * makespan_s)
    return times


def print_table(times: dict[tuple[Row, str], list[float]], strategies: tuple[str, ...]) -> None:
    print(f"{'':28}{BASE + ', ms':>14}" + "".join(f"{name:>22}" for name in strategies))
    for row in dict.fromkeys(row for row, _ in times):
        base = times[row, BASE]
        cells = []
        for strategy in strategies:
            ratios = [one / other for one, other in zip(times[row, strategy], base, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        print(f"{', '.join(row):28}{statistics.median(base):14.1f}" + "".join(f"{cell:>22}" for cell in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--strategy", action="append", help="beside `shutdown`; as --metrics takes it")
    args = parser.parse_args()
    strategies = tuple(args.strategy or STRATEGIES)
    print_table(measure(args.rounds, (BASE, *strategies)), strategies)
    return 0


if __name__ == "__main__":
    sys.exit(main())
