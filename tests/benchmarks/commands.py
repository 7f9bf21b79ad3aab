"""What running a command as a task costs beside `subprocess.run`, in one process.

    python -m tests.benchmarks.commands [COUNT]

Each row runs `true` COUNT times: bare, as a task without files, and as one with ten shipped files.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from tests.exec.commands import Bench

COUNT = 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    bench = Bench()
    files = {f"data/{n}.txt": "x" for n in range(10)}
    rows: dict[str, Callable[[], object]] = {
        "subprocess.run, output captured": lambda: subprocess.run(["true"], capture_output=True, check=True),
        "a task": lambda: bench.run("true"),
        "a task with ten files": lambda: bench.run("true", files=files),
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(count):
        for name, act in rows.items():
            began = time.perf_counter()
            act()
            times[name].append((time.perf_counter() - began) * 1000)
    bench.loader.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    bare = next(iter(medians.values()))
    print(f"ms, medians of {count}, taken in turn")
    for name, one in medians.items():
        print(f"{name:<36}{one:8.3f}{one / bare:8.2f}")


if __name__ == "__main__":
    main()
