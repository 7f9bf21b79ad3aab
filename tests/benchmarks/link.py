"""How near a link comes to its own figures, and what it costs: trips and transfers through it, beside none.

    python -m tests.benchmarks.link [--link lambda] [--trips 1000] [--sizes 16MiB,200MB] [--environments 8]

Real Redis, the real process of the link, and clients that do nothing but send and receive, so that what is measured is
the link's. A trip is a PING; a transfer a SET, and a GET, of one value. Side by side, each of so many processes, which
are environments to the link, gets a value of 16 MiB at one time. The processor's time is the link's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.links import parse_link
from runtime.local.redis_server import start_redis
from runtime.quantities import parse_size
from tests.link.harness import Linked, linked

SIDE_BY_SIDE_BYTES = 16 * 1024 * 1024
PUT, GET = "SET", "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Bytes a second, as the client saw them."""

    command: str
    size: int
    bytes_per_s: float


class Client:
    """A connection that sends commands and takes answers, no more."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._buffer = bytearray(1 << 20)

    def close(self) -> None:
        self._socket.close()

    def trip_s(self) -> float:
        began = time.perf_counter()
        self._socket.sendall(b"PING\r\n")
        assert self._socket.recv(100) == b"+PONG\r\n"
        return time.perf_counter() - began

    def put_s(self, data: bytes) -> float:
        began = time.perf_counter()
        self._socket.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nvalue\r\n$%d\r\n" % len(data))
        self._socket.sendall(data)
        self._socket.sendall(b"\r\n")
        assert self._socket.recv(100) == b"+OK\r\n"
        return time.perf_counter() - began

    def get_s(self, size: int) -> float:
        began = time.perf_counter()
        self._socket.sendall(b"GET value\r\n")
        left = len(b"$%d\r\n\r\n" % size) + size
        while left:
            left -= self._socket.recv_into(self._buffer)
        return time.perf_counter() - began


@contextmanager
def client(path: Path | str) -> Iterator[Client]:
    made = Client(str(path))
    yield made
    made.close()


def measure_trips(path: Path | str, count: int) -> list[float]:
    with client(path) as one:
        for _ in range(20):
            one.trip_s()
        return sorted(one.trip_s() for _ in range(count))


def measure_transfers(path: Path | str, size: int, rounds: int = 3) -> Iterator[Transfer]:
    data = os.urandom(1 << 20) * (size // (1 << 20) + 1)
    with client(path) as one:
        puts = [one.put_s(data[:size]) for _ in range(rounds)]
        gets = [one.get_s(size) for _ in range(rounds)]
    for command, taken in ((PUT, puts), (GET, gets)):
        yield Transfer(command=command, size=size, bytes_per_s=size / statistics.median(taken))


def measure_side_by_side(path: Path | str, count: int) -> list[float]:
    """Bytes a second of each of so many processes that get a value at one time."""
    with client(path) as one:
        one.put_s(bytes(SIDE_BY_SIDE_BYTES))
    command = [sys.executable, "-m", "tests.benchmarks.link", "--get", str(path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    return sorted(SIDE_BY_SIDE_BYTES / float(process.communicate()[0]) for process in processes)


def get_once(path: str) -> None:
    """One of those processes."""
    with client(path) as one:
        one.trip_s()
        print("ready", flush=True)
        sys.stdin.readline()
        print(one.get_s(SIDE_BY_SIDE_BYTES))


def processor_s(link: Linked) -> float:
    fields = Path(f"/proc/{link.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show_trips(name: str, taken: list[float]) -> None:
    parts = [f"{part} {taken[int(len(taken) * share)] * 1000:.3f}" for part, share in PARTS.items()]
    print(f"  {name:<8} {'   '.join(parts)}")


PARTS = {"min": 0.0, "p50": 0.5, "p95": 0.95, "p99": 0.99}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--link", default="lambda")
    parser.add_argument("--trips", type=int, default=1000)
    parser.add_argument("--sizes", default="16MiB,200MB")
    parser.add_argument("--environments", type=int, default=8)
    parser.add_argument("--get", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.get:
        get_once(args.get)
        return
    folder = Path(tempfile.mkdtemp(prefix="link-"))
    server = start_redis(folder)
    try:
        with linked(folder, server.url, args.link) as link:
            report(link, server.socket_path, args)
    finally:
        server.stop()
        shutil.rmtree(folder)


def report(link: Linked, direct: Path, args: argparse.Namespace) -> None:
    shape = parse_link(args.link)
    print(f"{args.link}: {shape.text}; load of this machine {os.getloadavg()[0]:.1f}\n\ntrips, ms")
    show_trips("direct", measure_trips(direct, args.trips))
    before = processor_s(link)
    show_trips("link", measure_trips(link.path, args.trips))
    trip_us = (processor_s(link) - before) / args.trips * 1e6
    print("\ntransfers, MB/s (share of the link's bandwidth)")
    before, moved = processor_s(link), 0
    for size in map(parse_size, args.sizes.split(",")):
        near = {one.command: one for one in measure_transfers(direct, size)}
        for one in measure_transfers(link.path, size):
            moved += 3 * size
            share = one.bytes_per_s / shape.bytes_per_s
            plain = near[one.command].bytes_per_s / 1e6
            print(
                f"  {one.command} {size / 1e6:6.1f} MB  {one.bytes_per_s / 1e6:7.1f} ({share:.1%})  direct {plain:.0f}"
            )
    rates = measure_side_by_side(link.path, args.environments)
    moved += SIDE_BY_SIDE_BYTES * len(rates)
    figures = f"least {rates[0] / 1e6:.1f}, median {statistics.median(rates) / 1e6:.1f}"
    print(f"\n{len(rates)} environments side by side, MB/s of each: {figures}")
    mb_ms = (processor_s(link) - before) / (moved / 1e6) * 1000
    memory_mb = link.resident_bytes() / 1e6
    print(f"\nprocessor: {trip_us:.0f} us a trip, {mb_ms:.2f} ms a MB; memory at most {memory_mb:.0f} MB")


if __name__ == "__main__":
    main()
