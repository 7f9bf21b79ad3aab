"""An optimization that the planner has no use for is warned of, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.pipeline import CompileOptions, plan_workflow
from compiler.planner.registry import ALLOWED
from compiler.planner.strategies import STRATEGIES
from runtime.config import OPTIMIZATIONS

BODY = """\
spec: 1
name: test
{workflow}tasks:
  a: {{call: "os.path:join", args: [x], worker: w, optimize: [{task}]}}{comment}
result: ${{{{ tasks.a }}}}
"""


def warned(
    folder: Path, planner: str, *, task: str = "", workflow: str = "", comment: str = ""
) -> list[tuple[str, int]]:
    path = folder / "workflow.yaml"
    path.write_text(BODY.format(task=task, workflow=workflow, comment=comment))
    planned = plan_workflow(path, CompileOptions(planner=planner))
    return [(one.code, one.span.start.line) for one in planned.warnings if one.span is not None]


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_each_planner_warns_of_what_it_does_not_take(tmp_path: Path, planner: str) -> None:
    assert set(ALLOWED[planner]) <= set(OPTIMIZATIONS)
    for name in OPTIMIZATIONS:
        expected = [] if name in ALLOWED[planner] else [("W505", 4)]
        assert warned(tmp_path, planner, task=name) == expected


def test_a_directive_with_settings_and_the_list_of_the_workflow_count_too(tmp_path: Path) -> None:
    assert warned(tmp_path, "wukong", task="{prewarm: {count: 1}}") == [("W505", 4)]
    assert warned(tmp_path, "simple", workflow="optimize: [preload, clustering]\n") == [("W505", 3)]


def test_a_comment_silences_the_warning(tmp_path: Path) -> None:
    assert warned(tmp_path, "dask", task="stream", comment="  # treadle: ignore[W505]") == []
