"""Compile time of the tree reduction for 512, 8,192 and 65,536 leaves, by stage and planner.

    python -m tests.benchmarks.compiling

Seconds of one process per case, so that memory is each one's own. The bar: time per task grows no faster
than a logarithm; `growth` is the time per task beside that of the smallest tree, `log` that of log2(tasks).
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path

MANIFEST = Path("manifests/tree_reduction/workflow.yaml")
LEAVES = (512, 8_192, 65_536)
PLANNERS = ("simple", "wukong")
STAGES = ("front", "plan", "emit", "whole")


def measure(leaves: int, planner: str) -> dict[str, float]:
    """Seconds of each stage (`front`: read, expand, check) after one small compile, and the peak memory in MiB."""
    from compiler.pipeline import CompileOptions, build_workflow, compile_workflow, examine, plan_graph

    compile_workflow(MANIFEST, CompileOptions(set_values={"leaves": "2"}, planner=planner))
    options = CompileOptions(set_values={"leaves": str(leaves)}, planner=planner)
    times: dict[str, float] = {}
    began = at = time.perf_counter()
    graph = examine(MANIFEST, options).graph
    assert graph is not None, "the manifest is sound"
    times["front"], at = time.perf_counter() - at, time.perf_counter()
    planned = plan_graph(graph, options)
    times["plan"], at = time.perf_counter() - at, time.perf_counter()
    build = build_workflow(planned)
    times["emit"] = time.perf_counter() - at
    times["whole"] = time.perf_counter() - began
    assert build.loaded.task_count == 2 * leaves - 1
    times["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return times


def main() -> int:
    if len(sys.argv) == 3:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
        return 0
    print("tree_reduction; seconds, and microseconds per task\n")
    heads = "".join(f"{stage:>9}" for stage in STAGES)
    print(f"{'planner':10}{'tasks':>9}{heads}{'us/task':>10}{'growth':>9}{'log':>7}{'peak MiB':>10}")
    for planner in PLANNERS:
        first = 0.0
        for leaves in LEAVES:
            command = [sys.executable, "-m", "tests.benchmarks.compiling", str(leaves), planner]
            times = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            tasks = 2 * leaves - 1
            each = times["whole"] / tasks
            first = first or each
            log = math.log2(tasks) / math.log2(2 * LEAVES[0] - 1)
            row = "".join(f"{times[stage]:9.3f}" for stage in STAGES)
            print(f"{planner:10}{tasks:9,}{row}{each * 1e6:10.1f}{each / first:8.2f}x{log:6.2f}x{times['peak']:10.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
