"""Each feature of the language under every planner: a plan that is whole, the same each time, and that ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.pipeline import CompileOptions, plan_workflow
from compiler.planner.outlook import middle_run
from compiler.planner.strategies import STRATEGIES
from tests.golden.texts import manifests

SEARCHED = ("commands", "options", "run_time", "shared")
CASES = [
    (path, planner)
    for path in manifests()
    for planner in sorted(STRATEGIES)
    if planner != "treadle" or path.stem in SEARCHED
]


NOBODY = """\
spec: 1
name: nobody
params: {n: {type: int, default: 0}}
tasks:
  nobody: {call: "app:g", foreach: {i: "${{ range(params.n) }}"}, args: ["${{ i }}"]}
result: ${{ tasks.nobody }}
"""


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_a_workflow_without_any_instance_is_planned(tmp_path: Path, planner: str) -> None:
    (tmp_path / "app.py").write_text("def g(value): return value\n")
    (tmp_path / "workflow.yaml").write_text(NOBODY)
    planned = plan_workflow(tmp_path / "workflow.yaml", CompileOptions(planner=planner))
    assert (len(planned.graph), planned.outlook.timeline.makespan_s) == (0, 0)


@pytest.mark.parametrize(("path", "planner"), CASES, ids=lambda value: getattr(value, "stem", value))
def test_every_planner_plans_it(path: Path, planner: str) -> None:
    first, second = (plan_workflow(path, CompileOptions(planner=planner, rounds=3)) for _ in range(2))
    ours, theirs = first.plan, second.plan
    assert (list(ours.worker_of), list(ours.env_of)) == (list(theirs.worker_of), list(theirs.env_of))
    assert (ours.entries, ours.reasons) == (theirs.entries, theirs.reasons)
    assert middle_run(first.problem, ours).makespan_s > 0
