"""What a planned workflow is expected to do, for the verbs: predicted when there is something to predict from.

A plan that looked at no prediction, of tasks that have never run, has no outlook: what defaults say of it would be a
figure without a meaning. The history may be out of reach; then a plan is shown without it, and the reason is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.cli.console import Console
from compiler.cli.outlooks import is_known
from compiler.cli.progress import working_line
from compiler.pipeline import Planned
from compiler.planner.forecast import FamilyForecast, forecast_families
from compiler.planner.outlook import Outlook
from runtime.critical_path import CriticalPath, critical_path
from runtime.errors import RuntimeFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`outlook` and `path` are None where nobody can know; `forecasts` have question marks then."""

    planned: Planned
    forecasts: tuple[FamilyForecast, ...]
    outlook: Outlook | None = None
    path: CriticalPath | None = None

    @property
    def why_unknown(self) -> str:
        """Why there is no outlook, in words."""
        ran = sum(one.median_s is not None for one in self.forecasts)
        if not ran:
            return "no run has been measured"
        return f"{len(self.forecasts) - ran:,} of {len(self.forecasts):,} tasks have never run"


def expect(planned: Planned, console: Console) -> Expectation | None:
    """None when the history cannot be read, which is said."""
    problem, plan = planned.problem, planned.plan
    try:
        _ = problem.predictions
    except RuntimeFault as fault:
        console.note(f"warning: nothing is predicted: {fault.message}")
        return None
    forecasts = forecast_families(problem, plan)
    if not is_known(planned):
        return Expectation(planned=planned, forecasts=forecasts)
    with working_line(console, f"simulating {len(planned.graph):,} tasks"):
        outlook = planned.outlook
    path = critical_path(outlook.timeline, planned.graph.producer_names())
    return Expectation(planned=planned, forecasts=forecasts, outlook=outlook, path=path)
