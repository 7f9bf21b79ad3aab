"""Manifests planned for simulation, and conditions that are easy to reckon with."""

from __future__ import annotations

from pathlib import Path

from compiler.pipeline import CompileOptions, plan_workflow
from compiler.simulate.conditions import Conditions, Draw
from compiler.simulate.workload import Workload

STILL = Conditions(concurrency=8)
"""Nothing takes any time but what a draw says."""


def workload(
    folder: Path, body: str, *, planner: str = "simple", workers: int | None = None, concurrency: int = 8
) -> Workload:
    """A workflow of no-op functions `f`, `g` and `two` (outputs `a` and `b`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "functions.py").write_text(
        "def f(*args, **kwargs):\n    return 0\n\n\ng = f\n\n\ndef two(*args):\n    return {'a': 0, 'b': 0}\n"
    )
    (folder / "workflow.yaml").write_text(f"spec: 1\nname: test\n{body}")
    options = CompileOptions(planner=planner, workers=workers, concurrency=concurrency)
    planned = plan_workflow(folder / "workflow.yaml", options)
    return Workload(source=planned.graph, plan=planned.plan)


def draw(
    load: Workload,
    *,
    exec_s: float | dict[str, float] = 0.0,
    size: int = 100,
    cold_s: float = 0.0,
    warm_s: float = 0.0,
    code_load_s: float = 0.0,
) -> Draw:
    """Every instance alike, or by the name of its task; all of it is work of the CPU."""

    def of(instance: int) -> float:
        if isinstance(exec_s, float):
            return exec_s
        return exec_s[load.source.families[load.source.family_of[instance]].task]

    times = [of(instance) for instance in range(len(load.source))]
    return Draw(
        exec_s=times,
        cpu_s=times,
        bytes_of=lambda instance, output: size,
        cold_s=lambda env: cold_s,
        warm_s=lambda env: warm_s,
        code_load_s=lambda module: code_load_s,
    )
