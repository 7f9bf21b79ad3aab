"""Single keys of a run vanish while it goes on: evicted, expired, or deleted by somebody's hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.config import WorkerSettings
from runtime.results import Progress
from tests.integration.running import CONCURRENCY, DEPLOYMENT, Bench, compile_at, write_workflow

BODY = """
tasks:
  cell:
    call: functions:add
    foreach: {l: "${{ range(10) }}", i: "${{ range(3) }}"}
    args: ["${{ 1 if l == 0 else tasks.cell[l-1][i] }}", "${{ 0 if l == 0 else tasks.cell[l-1][(i + 1) % 3] }}"]
result: ${{ tasks.cell[9] }}
"""
FUNCTIONS = """
import time

def add(a, b):
    time.sleep(0.05)
    return a + b
"""
QUICK = WorkerSettings(fan_out=CONCURRENCY, lease_s=2.0, renew_s=0.5, call_limit_s=2.0)


def losing(bench: Bench, kind: str, lost: list[str]) -> Callable[[Progress], None]:
    """Deletes the keys of this kind, once, when a third of the tasks is done."""

    def tell(progress: Progress) -> None:
        if not lost and progress.done >= 10:
            lost.extend(key.decode() for key in bench.client.scan_iter(f"treadle:{DEPLOYMENT}:{{*}}:{kind}*"))
            bench.client.delete(*lost)

    return tell


@pytest.mark.parametrize("kind", ("meta", "workers", "todo:", "arr:", "out", "done", "queue", "events", "pages"))
def test_run_goes_on_to_its_right_result(bench: Bench, tmp_path: Path, kind: str) -> None:
    planner = "wukong" if kind == "pages" else "simple"
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), planner, workers=3)
    lost: list[str] = []
    result = bench.run(build, QUICK, progress=losing(bench, kind, lost))
    assert lost
    assert result.result == [2**9] * 3
    assert bench.left_keys() == []
