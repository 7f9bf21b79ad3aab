"""The outlook of a plan as programs see it: everything that is shown, and the whole critical path. Null: unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compiler.cli.outlooks import basis, statistics
from compiler.cli.prospects import objective
from compiler.planner.cost import transitions_cost
from compiler.planner.forecast import FamilyForecast, Forecaster, Range, high_percentile
from compiler.planner.problem import Problem
from runtime.critical_path import CriticalPath
from runtime.timeline import Timeline

if TYPE_CHECKING:
    from compiler.planner.outlook import Outlook


def outlook_object(problem: Problem, outlook: Outlook) -> dict[str, object]:
    """What the whole run is expected to take. Seconds, dollars, bytes."""
    cost, tasks = outlook.cost, len(problem.graph)
    return {
        "objective": objective(problem.objective),
        "objective_s": outlook.statistic(problem.objective),
        "makespan_s": statistics(problem, outlook),
        "cost_usd": cost.usd,
        "gb_s": cost.gb_s,
        "requests": cost.requests,
        "profile": problem.profile.name,
        "step_functions": {"transitions": tasks, "usd": transitions_cost(tasks, problem.profile)},
        "workers": outlook.workers,
        "cold_starts": outlook.cold,
        "warm_starts": outlook.warm,
        "warm_environments": outlook.waiting,
        "bytes_moved": outlook.bytes_moved,
        "samples": outlook.samples,
        "runs": problem.predictions.runs,
        "rests_on": basis(problem, outlook),
    }


def path_object(path: CriticalPath, timeline: Timeline) -> dict[str, object]:
    """The critical path: where its time goes, and each step."""
    return {
        "seconds": {part.value: seconds for part, seconds in path.seconds.items()},
        "tasks": [task for task, _ in path.tasks],
        "steps": [
            {
                "kind": step.part.value,
                "task": step.task or None,
                "worker": step.worker or None,
                "start_s": step.start - timeline.invoked_at,
                "seconds": step.seconds,
            }
            for step in path.steps
        ],
    }


def forecast_objects(problem: Problem, forecasts: tuple[FamilyForecast, ...]) -> list[dict[str, object]]:
    """A row for each family; `high_s` is at the percentile `high`."""
    high = high_percentile(problem.objective)
    return [
        {
            "task": one.task,
            "instances": one.instances,
            "memory_mb": _range(one.memory_mb),
            "median_s": _range(one.median_s),
            "high": high,
            "high_s": _range(one.high_s),
            "input_bytes": _range(one.input_bytes),
            "output_bytes": _range(one.output_bytes),
            "samples": one.samples,
            "from": one.source,
            "bytes_from": one.size_source,
        }
        for one in forecasts
    ]


def _range(values: Range | None) -> Mapping[str, float] | None:
    return None if values is None else {"least": values.least, "middle": values.middle, "most": values.most}


def instance_object(forecaster: Forecaster, instance: int) -> dict[str, object]:
    """What is predicted of one instance."""
    one = forecaster.instance(instance)
    return {
        "median_s": one.median_s,
        "high_s": one.high_s,
        "input_bytes": one.input_bytes,
        "output_bytes": one.output_bytes,
        "from": one.source,
    }
