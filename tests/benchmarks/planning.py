"""Planning time of every planner for graphs of 100 to 100,000 tasks of four shapes, without any history.

    python -m tests.benchmarks.planning [--planners simple,uniform] [--shapes tree] [--tasks 100,1000]

Processor seconds of one process per case, so that memory is each one's own and what else runs does not count; the
graph is made before, the validation after planning is within. `growth` is the time for twice the tasks, from the
size before. The bars: 10,000 tasks within 30 s, 100,000 within 90 s, growth at most 2.3 from 1,000 tasks on where a
plan takes a second or more: below that it is the start of a planner's search that is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time

from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, TaskOptions
from runtime.plan import Ref, Value
from tests.factories import SPAN, make_manifest

TASKS = (100, 1_000, 10_000, 100_000)
SHAPES = ("tree", "fan", "layers", "chain")
BARS_S = {10_000: 30.0, 100_000: 90.0}
GROWTH = 2.3
LAYER = 100
REACH = 3
LIMIT_S = 600

Edges = list[list[int]]


def inputs_of(shape: str, tasks: int) -> tuple[list[int], Edges]:
    """About so many tasks: the family of each, and its inputs."""
    match shape:
        case "chain":
            return [0] * tasks, [[number - 1] if number else [] for number in range(tasks)]
        case "fan":
            width = max(1, tasks - 2)
            return [0, *[1] * width, 2], [[], *[[0]] * width, list(range(1, width + 1))]
        case "layers":
            rows = [range(first, min(first + LAYER, tasks)) for first in range(0, tasks, LAYER)]
            edges = [[(n + step) % LAYER + row.start - LAYER for step in range(REACH)] for row in rows[1:] for n in row]
            return [number // LAYER for number in range(tasks)], [[] for _ in rows[0]] + [sorted(e) for e in edges]
        case "tree":
            return _tree(2 ** round(math.log2((tasks + 1) / 2)))
    raise AssertionError(f"no shape {shape}")


def _tree(leaves: int) -> tuple[list[int], Edges]:
    edges: Edges = [[] for _ in range(leaves)]
    below, width = 0, leaves
    while width > 1:
        first = len(edges)
        edges += [[below + 2 * number, below + 2 * number + 1] for number in range(width // 2)]
        below, width = first, width // 2
    return [0] * leaves + [1] * (len(edges) - leaves), edges


def make_graph(shape: str, tasks: int) -> Graph:
    """A graph as expansion would make it, of no-op tasks."""
    family_of, edges = inputs_of(shape, tasks)
    names = [f"f{family}" for family in range(max(family_of) + 1)]
    counts = [family_of.count(family) for family in range(len(names))] if len(names) < 10 else None
    firsts: dict[int, int] = {}
    for number, family in enumerate(family_of):
        firsts.setdefault(family, number)
    sizes = counts or [*(LAYER for _ in names[:-1]), len(family_of) - LAYER * (len(names) - 1)]
    families = tuple(
        Family(
            task=name,
            rank=1,
            first=firsts[number],
            count=sizes[number],
            body=Call(target="noop", function=name, span=SPAN),
            span=SPAN,
        )
        for number, name in enumerate(names)
    )
    args: list[tuple[Value, ...]] = [tuple(Ref(place) for place in range(len(sources))) for sources in edges]
    feeding = {producer for sources in edges for producer in sources}
    return Graph(
        name=shape,
        manifest=make_manifest(names),
        families=families,
        family_of=family_of,
        keys=[(number - firsts[family],) for number, family in enumerate(family_of)],
        args=args,
        kwargs=[{}] * len(edges),
        in_edges=[tuple((producer, -1) for producer in sources) for sources in edges],
        options=[0] * len(edges),
        option_table=(TaskOptions(),),
        targets=tuple(number for number in range(len(edges)) if number not in feeding),
    )


def measure(planner: str, shape: str, tasks: int) -> dict[str, float]:
    """Processor seconds of planning and validating, and the peak memory in MiB; imports and a small plan are before."""
    from compiler.planner.model import PlanOptions
    from compiler.planner.problem import Problem
    from compiler.planner.strategies import STRATEGIES
    from compiler.planner.validate import validate_plan
    from runtime.values.collector import collector_paused

    options = PlanOptions(concurrency=16)
    STRATEGIES[planner](Problem(graph=make_graph(shape, 16), options=options))
    problem = Problem(graph=make_graph(shape, tasks), options=options)
    began = time.process_time()
    with collector_paused():
        validate_plan(problem, STRATEGIES[planner](problem))
    took = time.process_time() - began
    return {"seconds": took, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def growth(before_s: float, after_s: float, times: float) -> float:
    """The time for twice as much, when `times` as much took so."""
    return float((after_s / before_s) ** (1 / math.log2(times)))


def main() -> int:
    """Print the table, and what did not hold."""
    from compiler.planner.strategies import STRATEGIES

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.planning")
    parser.add_argument("--planners", default=",".join(sorted(STRATEGIES)))
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--tasks", default=",".join(map(str, TASKS)))
    parser.add_argument("--one", nargs=3, metavar=("PLANNER", "SHAPE", "TASKS"), help="one case, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], args.one[1], int(args.one[2]))))
        return 0
    sizes = [int(size) for size in args.tasks.split(",")]
    print("planning, in processor seconds (growth for twice the tasks)\n")
    print(f"{'planner':13}{'shape':8}" + "".join(f"{size:>10,}{'growth':>8}" for size in sizes) + f"{'peak MiB':>10}")
    missed = []
    for planner in args.planners.split(","):
        for shape in args.shapes.split(","):
            missed += _row(planner, shape, sizes)
    print("\nevery bar is met" if not missed else "\nmissed:\n  " + "\n  ".join(missed))
    return 1 if missed else 0


def _row(planner: str, shape: str, sizes: list[int]) -> list[str]:
    """One line of the table; which bars were missed."""
    cells, missed, before, peak = f"{planner:13}{shape:8}", [], 0.0, 0.0
    for number, size in enumerate(sizes):
        command = [sys.executable, "-m", "tests.benchmarks.planning", "--one", planner, shape, str(size)]
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            cells += f"{'>' + str(LIMIT_S):>10}{'':8}"
            missed.append(f"{planner}, {shape}: {size:,} tasks take more than {LIMIT_S} s")
            break
        found = json.loads(done.stdout)
        took, peak = found["seconds"], found["peak"]
        ratio = growth(before, took, size / sizes[number - 1]) if number else 0.0
        cells += f"{took:10.3f}" + (f"{ratio:7.2f}x" if number else f"{'':8}")
        if took > BARS_S.get(size, math.inf):
            missed.append(f"{planner}, {shape}: {size:,} tasks take {took:.1f} s, not {BARS_S[size]:.0f}")
        if number and size > 1000 and took >= 1.0 and ratio > GROWTH:
            missed.append(f"{planner}, {shape}: twice the tasks take {ratio:.2f} times as long at {size:,}")
        before = took
    print(f"{cells}{peak:10.0f}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
