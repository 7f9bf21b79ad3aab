"""The history of many runs of one workflow: its size, the time to load it and to add a run, and what it still knows.

    python -m tests.benchmarks.history [--runs 10000] [--tasks 1000] [--families 20]

Generated runs go through what real ones do: a timeline, its share, an append, a fold now and then. Figures are taken
after a tenth of the runs and after all of them, and their ratio says whether the history is bounded. The last table
sets quantiles of the sketches beside those of all samples of a task.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.redis_link import Link
from runtime.history.file_store import FileHistory
from runtime.history.gathering import history_of
from runtime.history.redis_store import RedisHistory
from runtime.history.remembering import remember
from runtime.history.sketch import Sketch
from runtime.history.store import FOLD_AT, HistoryStore
from runtime.history.view import History, load_history
from runtime.timeline import Timeline
from tests.contracts.server import start_server
from tests.history.timelines import Shape

PARTS = (0.5, 0.95, 0.99)
LOADS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """After so many runs. Bytes; milliseconds of this process's CPU, medians; `add_ms` are means, folds are in them."""

    runs: int
    file_bytes: int
    redis_bytes: int
    load_file_ms: float
    load_redis_ms: float
    add_ms: float
    add_redis_ms: float


class Samples:
    """Every execution of the first task, ordinary ones by class of environments: what sketches are held against."""

    def __init__(self) -> None:
        self.exec_s: defaultdict[str, list[float]] = defaultdict(list)

    def take(self, timeline: Timeline) -> None:
        for one in timeline.invocations:
            first = min(one.spans, key=lambda span: span.started_at)
            for span in one.spans:
                is_ordinary = span is not first or one.start_up.state == "warm"
                if span.outcome == "done" and is_ordinary and span.task.partition("[")[0] == "t0":
                    self.exec_s[one.start_up.env_class].append(span.exec_s)


def measured(shape: Shape, runs: int, folder: Path, link: Link) -> tuple[list[Figures], History, Samples]:
    """Adds the runs one after the other; figures are taken twice."""
    store, samples = FileHistory(folder=folder), Samples()
    added: list[float] = []
    figures: list[Figures] = []
    for number, timeline in enumerate(shape.timelines(runs), 1):
        samples.take(timeline)
        added.append(_ms(lambda timeline=timeline: remember(store, timeline, shape.code, "succeeded")))  # type: ignore[misc]
        if number in (runs // 10, runs):
            figures.append(_figures(shape, store, link, number, added[-10 * FOLD_AT :]))
            print(f"{number:,} runs", file=sys.stderr, flush=True)
    return figures, _load(shape, store), samples


def _figures(shape: Shape, store: FileHistory, link: Link, runs: int, added: Sequence[float]) -> Figures:
    link.command("FLUSHALL")
    redis = RedisHistory(link, "bench")
    documents = store.read(shape.signature)
    (head,) = store.heads()
    for number, data in enumerate(documents):
        redis.add(head, f"copied {number}", data)
    keys = [key for found in link.scan("treadle:*") for key in found]
    redis_bytes = sum(int(link.command("MEMORY", "USAGE", key, "SAMPLES", 0)) for key in keys)
    more = list(Shape(**{**_fields(shape), "seed": 99}).timelines(3 * FOLD_AT))
    adds = [_ms(lambda one=one: remember(redis, one, shape.code, "succeeded")) for one in more]  # type: ignore[misc]
    return Figures(
        runs=runs,
        file_bytes=sum(path.stat().st_size for path in store.folder.iterdir()),
        redis_bytes=redis_bytes,
        load_file_ms=statistics.median(_ms(lambda: _load(shape, store)) for _ in range(LOADS)),
        load_redis_ms=statistics.median(_ms(lambda: _load(shape, redis)) for _ in range(LOADS)),
        add_ms=statistics.fmean(added),
        add_redis_ms=statistics.fmean(adds),
    )


def _fields(shape: Shape) -> dict[str, object]:
    return {name: getattr(shape, name) for name in ("tasks", "families", "workers", "signature")}


def _load(shape: Shape, store: HistoryStore) -> History:
    """Ready for a planner: every function looked up once."""
    history = load_history(store, shape.signature, shape.code.fingerprints.values())
    assert all(history.functions(fingerprint) for fingerprint in shape.code.fingerprints.values())
    return history


def _ms(do: Callable[[], object]) -> float:
    """CPU time, which a busy machine does not change; there is next to no other: files and server are near."""
    began = time.process_time()
    do()
    return 1000 * (time.process_time() - began)


def show(figures: Sequence[Figures]) -> None:
    few, many = figures
    rows = [["", f"{few.runs:,} runs", f"{many.runs:,} runs", "ratio"]]
    names = {
        "files, KiB": "file_bytes",
        "Redis, KiB": "redis_bytes",
        "load from files, CPU ms": "load_file_ms",
        "load from Redis, CPU ms": "load_redis_ms",
        "add a run to files, CPU ms": "add_ms",
        "add a run to Redis, CPU ms": "add_redis_ms",
    }
    for label, name in names.items():
        scale = 1024 if name.endswith("bytes") else 1
        first, last = (getattr(one, name) / scale for one in (few, many))
        rows.append([label, f"{first:,.1f}", f"{last:,.1f}", f"{last / first:.2f}"])
    print(table(rows))


def show_accuracy(shape: Shape, history: History, samples: Samples) -> None:
    rows = [["t0", "samples", "quantile", "exact, s", "sketch, s", "error"]]
    for env, family in history.functions(shape.code.fingerprints["t0"]).items():
        exact, sketch = sorted(samples.exec_s[env]), family.execs.whole()
        assert sketch.count == len(exact), "the history has lost samples"
        rows += [[env, f"{len(exact):,}", f"p{100 * p:g}", *_compared(exact, sketch, p)] for p in PARTS]
    print(table(rows))


def _compared(exact: Sequence[float], sketch: Sketch, p: float) -> list[str]:
    true, found = exact[math.ceil(p * len(exact)) - 1], sketch.quantile(p)
    return [f"{true:.4f}", f"{found:.4f}", f"{100 * (found / true - 1):+.2f} %"]


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.history")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--families", type=int, default=20)
    args = parser.parse_args(argv)
    shape = Shape(tasks=args.tasks, families=args.families, workers=8)
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process:
            figures, history, samples = measured(shape, args.runs, Path(folder, "history"), Link.to(url))
            process.terminate()
    (first,) = Shape(**{**_fields(shape), "seed": 1}).timelines(1)
    gathering = _ms(lambda: history_of(first, shape.code, "succeeded"))
    print(f"{args.tasks:,} tasks in {args.families:,} families; the share of one run takes {gathering:.1f} ms of CPU\n")
    show(figures)
    print()
    show_accuracy(shape, history, samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
