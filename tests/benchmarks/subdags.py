"""What a worker fetches and decodes before its first task, for trees of 512 and 65,536 leaves (131,071 tasks).

    python -m tests.benchmarks.subdags [--leaves 512,65536] [--rounds N]

The largest payload of an entry worker is read as the handler reads it: opened, unpacked, what did not travel inside is
fetched from a Redis on this machine, and decoded, of a flexible worker the first pages. Milliseconds, the least of the
rounds, since a busy machine only adds. The bar: at most 5 ms for 512 leaves, and for the large tree the same.

A flexible worker asks for further pages beside its tasks. A pinned one has to know all of its tasks: it spills what
they need and knows when it has nothing left to wait for, so that its start grows with its part, not with the graph.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.backends.redis import RedisBackend
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.lambda_handler import FIRST_PAGES
from runtime.pages import decode_subdag
from runtime.payload import read_payload
from runtime.values.envelope import Signer
from runtime.values.trust import Trust
from tests.benchmarks.payloads import MANIFEST, RUN, entry_payloads
from tests.contracts.server import start_server

BAR_MS = 5.0
CASES = (("wukong", 2), ("wukong", 10), ("simple", 2), ("simple", 8), ("simple", 64))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaves", default="512,65536")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    heads = (
        "planner",
        "workers",
        "leaves",
        "payload",
        "fetched",
        "decoded tasks",
        "fetch",
        "decode",
        f"under {BAR_MS:g} ms",
    )
    print("".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        process, url = start_server(folder)
        with process:
            for leaves in map(int, args.leaves.split(",")):
                for planner, workers in CASES:
                    print_row(url, planner, workers, leaves, args.rounds)
            process.terminate()
    return 0


def print_row(url: str, planner: str, workers: int, leaves: int, rounds: int) -> None:
    values = {"leaves": str(leaves)}
    options = CompileOptions(planner=planner, workers=workers, concurrency=workers, set_values=values)
    bundle = compile_workflow(Path(MANIFEST), options).loaded
    trust = Trust(signer=Signer(bytes(32)), deployment="local", run=RUN)
    backend = RedisBackend(url, "local", RUN, WorkerSettings())
    publish_parts(backend, bundle, trust)
    data = max(entry_payloads(bundle, workers), key=len)
    fetched, tasks, times = 0, 0, []
    for _ in range(rounds):
        payload = read_payload(data, unseal=trust.open_subdag)
        began = time.perf_counter()
        parts = [payload.subdag] if payload.subdag else list(payload.pages.values())[:FIRST_PAGES]
        if payload.digest:
            (sealed,) = backend.values.get_blobs([payload.digest])
            assert sealed is not None
            parts = [trust.open_blob(payload.digest, sealed)]
            fetched = len(sealed)
        came = time.perf_counter()
        tasks = sum(len(decode_subdag(part).tasks) for part in parts)
        times.append((came - began, time.perf_counter() - came))
    backend.close()
    fetch, decode = (min(one) * 1000 for one in zip(*times, strict=True))
    verdict = "yes" if fetch + decode <= BAR_MS else "NO"
    cells = (
        planner,
        workers,
        f"{leaves:,}",
        f"{len(data):,}",
        f"{fetched:,}",
        f"{tasks:,}",
        f"{fetch:.2f}",
        f"{decode:.2f}",
        verdict,
    )
    print("".join(f"{cell:>14}" for cell in cells), flush=True)


def publish_parts(backend: RedisBackend, bundle: LoadedBundle, trust: Trust) -> None:
    """The parts of pinned workers, as blobs."""
    blobs = {row.subdag: bundle.blob(row.subdag) for row in bundle.workers.values()}
    backend.values.put_blobs({digest: trust.seal_blob(digest, data) for digest, data in blobs.items()})


if __name__ == "__main__":
    sys.exit(main())
