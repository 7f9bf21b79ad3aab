"""Every shape of a graph gives what a sequential run gives, under both planners, and leaves nothing in Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import PLANNERS, Bench, compile_at, run_sequentially, write_workflow
from tests.integration.shapes import SHAPES, Shape


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shape_gives_what_a_sequential_run_gives(bench: Bench, tmp_path: Path, shape: Shape, planner: str) -> None:
    build = compile_at(write_workflow(tmp_path, shape.tasks, shape.functions), planner)
    result = bench.run(build)
    assert result.result == shape.expected
    assert result.result == run_sequentially(build)
    assert result.tasks == len(build.graph)
    assert bench.left_keys() == []
