"""One large value through one edge, from a worker to another, beside a bare redis-py SET and GET of as many bytes.

    python -m tests.benchmarks.values [--sizes 1MiB,16MiB,256MiB,1GiB] [--rounds N] [--kinds array,bytes]
                                      [--through redis,tls,folder,s3]

An edge is timed from the return of the task that makes the value to the first line of the one that takes it: pickling,
signing, storing, the commit, a wake-up, fetching, verifying and unpickling. The bare figure copies the bytes to Redis
and back, in pieces of 256 MiB, and does nothing else; it goes over TLS where the edge does. Values go through the
service's own Redis, one over TLS, a folder, or an S3 of the tests' (moto, in this process, which is slow). Medians.
Peak memory is each environment's largest resident set less that of one which passed an empty value.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import redis

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.backends.redis_link import connect
from runtime.bundle import LoadedBundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import LocalStack, ensure_stack
from runtime.quantities import format_size, parse_size
from tests.contracts.buckets import s3_with
from tests.contracts.certificates import Authority
from tests.contracts.cluster import free_ports, server_on, tls_flags

PIECE = 256 * 1024 * 1024
KINDS = ("array", "bytes", "in a dict")
MANIFEST = """
spec: 1
name: values
params: {kind: {type: str}, size: {type: int}}
tasks:
  make: {call: "functions:make", args: ["${{ params.kind }}", "${{ params.size }}"], worker: red, timeout: 10m}
  take: {call: "functions:take", args: ["${{ tasks.make }}"], worker: blue, timeout: 10m}
result: ${{ tasks.take }}
"""
FUNCTIONS = """
import time

import numpy


def make(kind, size):
    if kind == "array":
        return [numpy.arange(size // 8), time.time()]
    data = b"01234567" * (size // 8)
    return [data if kind == "bytes" else {"name": "x", "data": data}, time.time()]


def take(value):
    return time.time() - value[1]
"""


@contextmanager
def way(through: str, folder: Path) -> Iterator[tuple[str | None, WorkerSettings]]:
    """The URL of a Redis, None for the service's own, and the settings that send values there."""
    settings = WorkerSettings(fan_out=4)
    match through:
        case "tls":
            authority = Authority(folder)
            (port,) = free_ports(1)
            with server_on(tls_flags(port, folder, authority), folder / "tls", port=port):
                yield f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}", settings
        case "folder":
            (folder / "store").mkdir(exist_ok=True)
            yield None, replace(settings, object_store=str(folder / "store"), object_store_bytes=100_000)
        case "s3":
            with s3_with("values"):
                yield None, replace(settings, object_store="s3://values/runs", object_store_bytes=100_000)
        case _:
            yield None, settings


@contextmanager
def stack_with(redis_url: str | None) -> Iterator[LocalStack]:
    with ensure_stack(LocalSettings(concurrency_limit=4, redis_url=redis_url)) as stack:
        yield stack


def peaks(stack: LocalStack) -> list[int]:
    """The largest resident set of each environment so far, in bytes."""
    found = []
    environments = stack.status()["environments"]
    assert isinstance(environments, list)
    for environment in environments:
        if environment["pid"] is None:
            continue
        text = Path(f"/proc/{environment['pid']}/status").read_text()
        found.append(1024 * int(text.partition("VmHWM:")[2].split()[0]))
    return sorted(found, reverse=True)


def compiled(folder: Path, kind: str, size: int) -> LoadedBundle:
    options = CompileOptions(planner="simple", set_values={"kind": kind, "size": str(size)})
    return compile_workflow(folder / "workflow.yaml", options).loaded


def edge(stack: LocalStack, bundle: LoadedBundle, settings: WorkerSettings, rounds: int) -> float:
    target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
    times = []
    for _ in range(rounds):
        result = launch(bundle, target, settings).result
        assert isinstance(result, float)
        times.append(result)
    return statistics.median(times)


def bare(url: str, size: int, rounds: int) -> float:
    data = memoryview(bytes(size))
    times = []
    with connect(url) as client:
        assert isinstance(client, redis.Redis), "the bare figure is of one server"
        keys = [f"bare{start}" for start in range(0, size, PIECE)]
        for _ in range(rounds):
            began = time.perf_counter()
            for number, key in enumerate(keys):
                client.set(key, data[number * PIECE : (number + 1) * PIECE])
            for key in keys:
                client.get(key)
            times.append(time.perf_counter() - began)
            client.unlink(*keys)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1MiB,16MiB,256MiB,1GiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--through", default="redis,tls,folder,s3")
    args = parser.parse_args()
    print(
        f"{'through':>8} {'size':>8} {'value':>10} {'edge':>10} {'MB/s':>8} {'bare':>10} {'ratio':>7} "
        f"{'peaks over an empty one':>26}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workflow.yaml").write_text(MANIFEST)
        (folder / "functions.py").write_text(FUNCTIONS)
        for through in args.through.split(","):
            with way(through, folder) as (redis_url, settings):
                compare(through, folder, redis_url, settings, args)
    return 0


def compare(
    through: str, folder: Path, redis_url: str | None, settings: WorkerSettings, args: argparse.Namespace
) -> None:
    with stack_with(redis_url) as stack:
        edge(stack, compiled(folder, "bytes", 0), settings, 2)
        empty = peaks(stack)[0]
    for size in map(parse_size, args.sizes.split(",")):
        with stack_with(redis_url) as stack:
            without = bare(stack.redis_url, size, args.rounds)
        for kind in args.kinds.split(","):
            with stack_with(redis_url) as stack:
                seconds = edge(stack, compiled(folder, kind, size), settings, args.rounds)
                most = " and ".join(f"{(peak - empty) / 2**20:,.0f} MiB" for peak in peaks(stack)[:2])
            print(
                f"{through:>8} {format_size(size):>8} {kind:>10} {seconds * 1000:7,.0f} ms "
                f"{size / seconds / 1e6:8,.0f} "
                f"{without * 1000:7,.0f} ms {seconds / without:7.2f} {most:>26}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
