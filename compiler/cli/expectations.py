"""What a planned workflow is expected to do, for the verbs: predicted when there is something to predict from.

A plan that looked at no prediction, of tasks that have never run, has no outlook: what defaults say of it would be a
figure without a meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.cli.console import Console
from compiler.cli.history_notes import tell_history_notes
from compiler.cli.outlooks import is_known
from compiler.cli.progress import working_line
from compiler.cli.reports import show_diagnostics
from compiler.planner.forecast import FamilyForecast, Forecaster
from compiler.planning import Planned
from runtime.critical_path import CriticalPath, critical_path

if TYPE_CHECKING:
    from compiler.planner.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`outlook` and `path` are None where nobody can know; `forecasts` have question marks then."""

    planned: Planned
    forecaster: Forecaster
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


def expect(planned: Planned, console: Console) -> Expectation:
    """The outlook, where there is something to predict from; what of the history could not be used is said."""
    forecaster = Forecaster(planned.problem, planned.plan, is_measured=planned.is_predicted or planned.bears())
    forecasts = forecaster.families()
    tell_history_notes(planned.problem, console)
    show_diagnostics(planned.doubts(), console)
    if not is_known(planned):
        return Expectation(planned=planned, forecaster=forecaster, forecasts=forecasts)
    with working_line(console, f"simulating {len(planned.graph):,} tasks"):
        outlook = planned.outlook
    path = critical_path(outlook.timeline, planned.graph.producer_names())
    return Expectation(planned=planned, forecaster=forecaster, forecasts=forecasts, outlook=outlook, path=path)
