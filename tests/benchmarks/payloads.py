"""Sizes of what a worker is sent, for the tree reduction of 512 leaves (1,023 tasks), and what it costs to read.

    python -m tests.benchmarks.payloads

Payloads are made as the launcher makes them: sealed, with a run id of real length. The bar: every payload
with its part of the graph inside is at most 4 KiB. Decode times are medians, beside `json.loads` of the same
bytes and `pickle.loads` of the same records.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.pages import decode_subdag
from runtime.payload import Payload, make_payload
from runtime.plan import is_flexible
from runtime.values.envelope import Signer
from runtime.values.trust import Trust

MANIFEST = Path("manifests/tree_reduction/workflow.yaml")
LEAVES = 512
RUN = "1795225785216_tree-reduction_73017e8d_e389f9777deb8135"
BAR_BYTES = 4 * 1024
CASES = (("wukong", 10, None), ("wukong", 4, None), ("simple", 10, 8))


def main() -> int:
    print(f"tree_reduction, {LEAVES} leaves, {2 * LEAVES - 1} tasks; bytes\n")
    print(
        f"{'plan':34}{'bundle':>10}{'graph part':>12}{'payloads':>10}{'largest':>9}{'median':>8}   at most {BAR_BYTES}"
    )
    for planner, concurrency, workers in CASES:
        options = CompileOptions(
            set_values={"leaves": str(LEAVES)}, planner=planner, concurrency=concurrency, workers=workers
        )
        build = compile_workflow(MANIFEST, options)
        bundle = build.loaded
        sizes = [len(payload) for payload in entry_payloads(bundle, concurrency)]
        parts = [bundle.blob(digest) for digest in (*bundle.pages, *(row.subdag for row in bundle.workers.values()))]
        name = f"{planner}, {workers} workers" if workers else f"{planner}, {concurrency} environments"
        whole = (
            sum(map(len, build.blobs.values())) - len(bundle.blob(bundle.package)) - len(bundle.blob(bundle.closure))
        )
        print(
            f"{name:34}{whole:10,}{sum(map(len, parts)):12,}{len(sizes):10}{max(sizes):9,}"
            f"{statistics.median(sizes):8,.0f}   {'yes' if max(sizes) <= BAR_BYTES else 'NO'}"
        )
    print_whole(bundle)
    print_decoding(bundle)
    return 0


def entry_payloads(bundle: LoadedBundle, concurrency: int) -> list[bytes]:
    """The payload of every entry worker, as at launch."""
    trust = Trust(signer=Signer(bytes(32)), deployment="local", run=RUN)
    payloads = []
    for entry in bundle.entries:
        is_paged = is_flexible(entry.worker)
        payload = Payload(
            run=RUN,
            worker=entry.worker,
            env=entry.env,
            at=time.time(),
            start=entry.start,
            subdag=b"" if is_paged else bundle.subdag(entry.worker),
            pages={number: bundle.page(number) for number in bundle.entry_pages(entry)} if is_paged else {},
            settings=WorkerSettings(fan_out=concurrency),
        )
        payloads.append(make_payload(payload, seal=trust.seal_subdag))
    return payloads


def print_whole(bundle: LoadedBundle) -> None:
    """What a worker would get if it got everything."""
    records = {
        name: task for worker in bundle.workers for name, task in decode_subdag(bundle.subdag(worker)).tasks.items()
    }
    pickled = pickle.dumps(records, protocol=5)
    print(f"\nthe whole graph, for contrast: {len(pickled):,} pickled, {len(zlib.compress(pickled)):,} compressed")


def print_decoding(bundle: LoadedBundle) -> None:
    """Time to decode one worker's part."""
    data = max((bundle.subdag(worker) for worker in bundle.workers), key=len)
    tasks = decode_subdag(data).tasks
    pickled = pickle.dumps(dict(tasks), protocol=5)
    print(f"\ndecoding a SubDag of {len(tasks)} tasks, {len(data):,} bytes; microseconds per task, medians of 200\n")
    for name, read in (
        ("decode_subdag", lambda: decode_subdag(data)),
        ("json.loads of the same bytes", lambda: json.loads(data)),
        (f"pickle.loads of the records ({len(pickled):,} B)", lambda: pickle.loads(pickled)),
    ):
        print(f"  {name:44}{timed(read) / len(tasks) * 1e6:8.2f}")


def timed(action: Callable[[], object]) -> float:
    times = []
    for _ in range(200):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
