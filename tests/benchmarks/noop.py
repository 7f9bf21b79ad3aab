"""No-op tasks on two warm environments, beside Dask (two processes, tuned) and a bare process pool.

    python -m tests.benchmarks.noop [--rounds N]

Each round runs every system once on every shape, one after the other, so that the machine's noise meets all of
them alike. Printed: medians of the makespan in ms (for the others: submission to result), the client's whole
waiting time for treadle, and the ratios that matter. Leases, signatures and spans are on.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from tests.benchmarks.shapes import Shape, shapes, write

ENVIRONMENTS = 2
PLANNERS = ("simple", "wukong")


def nothing(*inputs: object) -> object:
    return inputs[0] if inputs else 0


def run_pool(pool: ProcessPoolExecutor, shape: Shape) -> float:
    """A loop that counts dependencies; returns seconds from the first submission to the last result."""
    consumers: dict[str, list[str]] = {name: [] for name in shape.graph}
    lacking = {name: len(inputs) for name, inputs in shape.graph.items()}
    for name, inputs in shape.graph.items():
        for producer in inputs:
            consumers[producer].append(name)
    values: dict[str, object] = {}
    ended: SimpleQueue[tuple[str, Future[object]]] = SimpleQueue()

    def submit(name: str) -> None:
        future = pool.submit(nothing, *(values[producer] for producer in shape.graph[name]))
        future.add_done_callback(lambda done: ended.put((name, done)))

    began = time.perf_counter()
    for name, count in lacking.items():
        if not count:
            submit(name)
    for _ in shape.graph:
        name, future = ended.get()
        values[name] = future.result()
        for consumer in consumers[name]:
            lacking[consumer] -= 1
            if not lacking[consumer]:
                submit(consumer)
    return time.perf_counter() - began


@contextmanager
def dask_client() -> Iterator[Callable[[Shape], float]]:
    """Dask with two single-threaded processes and no cap on what is sent ahead."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.scheduler.worker-saturation": "inf"})
    with (
        LocalCluster(n_workers=ENVIRONMENTS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        count = 0

        def run(shape: Shape) -> float:
            nonlocal count
            count += 1
            names = {name: f"{name}-{count}" for name in shape.graph}
            graph = {
                names[name]: (nothing, *(names[producer] for producer in inputs))
                for name, inputs in shape.graph.items()
            }
            began = time.perf_counter()
            client.get(graph, names[shape.last])
            return time.perf_counter() - began

        yield run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-dask", action="store_true", help="leave Dask out")
    args = parser.parse_args()
    times: dict[tuple[str, str], list[float]] = {}

    def note(system: str, shape: Shape, seconds: float) -> None:
        times.setdefault((system, shape.name), []).append(seconds * 1000)

    with tempfile.TemporaryDirectory() as folder, ensure_stack(LocalSettings(concurrency_limit=ENVIRONMENTS)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        settings = WorkerSettings(fan_out=ENVIRONMENTS)
        bundles = {
            (shape.name, planner): compile_workflow(
                write(shape, Path(folder)),
                CompileOptions(planner=planner, workers=ENVIRONMENTS, concurrency=ENVIRONMENTS),
            ).loaded
            for shape in shapes()
            for planner in PLANNERS
        }

        def treadle_round() -> None:
            for shape in shapes():
                for planner in PLANNERS:
                    result = launch(bundles[shape.name, planner], target, settings)
                    note(f"treadle {planner}", shape, result.makespan_s)
                    note(f"treadle {planner}, client's wait", shape, result.wall_s)

        for _ in range(2):
            treadle_round()
        times.clear()
        with ProcessPoolExecutor(ENVIRONMENTS) as pool:
            run_pool(pool, shapes()[0])
            if args.no_dask:
                rounds(args.rounds, treadle_round, [("bare pool", lambda shape: run_pool(pool, shape))], note)
            else:
                with dask_client() as dask_run:
                    dask_run(shapes()[0])
                    others = [("bare pool", lambda shape: run_pool(pool, shape)), ("dask tuned", dask_run)]
                    rounds(args.rounds, treadle_round, others, note)
    print_table(times, args.rounds)
    return 0


def rounds(
    count: int,
    treadle_round: Callable[[], None],
    others: list[tuple[str, Callable[[Shape], float]]],
    note: Callable[[str, Shape, float], None],
) -> None:
    for _ in range(count):
        treadle_round()
        for system, run in others:
            for shape in shapes():
                note(system, shape, run(shape))


def print_table(times: dict[tuple[str, str], list[float]], count: int) -> None:
    names = [shape.name for shape in shapes()]
    systems = list(dict.fromkeys(system for system, _ in times))
    print(f"no-op tasks, {ENVIRONMENTS} environments, medians of {count} interleaved rounds, ms (min to max)\n")
    print(f"{'':34}" + "".join(f"{name:>26}" for name in names))
    for system in systems:
        cells = [times[system, name] for name in names]
        row = (f"{statistics.median(cell):9.1f} ({min(cell):.1f} to {max(cell):.1f})" for cell in cells)
        print(f"{system:34}" + "".join(f"{text:>26}" for text in row))
    print()
    for planner in PLANNERS:
        for other in systems:
            if not other.startswith("treadle"):
                ratios = (
                    statistics.median(times[other, name]) / statistics.median(times[f"treadle {planner}", name])
                    for name in names
                )
                print(f"{f'{other} : treadle {planner}':34}" + "".join(f"{ratio:25.1f}x" for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main())
