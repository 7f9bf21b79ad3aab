"""What running a command as a task costs beside `subprocess.run`, in one process.

    python -m tests.benchmarks.commands [COUNT]

Each row runs `true` COUNT times, one after another: bare, as a task without files, and as one with ten shipped files.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.exec.commands import Bench

COUNT = 1000


def timed(act: Callable[[], object], count: int) -> float:
    """Milliseconds of one call, the first left out."""
    act()
    began = time.perf_counter()
    for _ in range(count):
        act()
    return (time.perf_counter() - began) / count * 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    bench = Bench()
    files = {f"data/{n}.txt": "x" for n in range(10)}
    rows: dict[str, Callable[[], object]] = {
        "subprocess.run, output captured": lambda: subprocess.run(["true"], capture_output=True, check=True),
        "a task": lambda: bench.run("true"),
        "a task with ten files": lambda: bench.run("true", files=files),
    }
    bare = 0.0
    for name, act in rows.items():
        one = timed(act, count)
        bare = bare or one
        print(f"{name:<36}{one:8.3f} ms   {one / bare:5.2f}")
    bench.loader.close()


if __name__ == "__main__":
    main()
