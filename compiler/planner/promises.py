"""E511, W511 and W512: whether a plan is predicted to meet the objective, and how much that prediction is worth.

A deadline or a budget that a plan misses is a mistake when what is predicted has been measured: the plan is refused,
whoever made it, with the best that there is. What is guessed refuses nothing, and is a warning: what rests on hints and
defaults, and a percentile of few samples, which is wider than the truth, as long as half of the runs would be in time.
A percentile wants samples enough that some lie beyond it; with fewer it is widened, and said.

An objective with neither deadline nor budget is never looked at here on a planner's behalf that predicts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from compiler.diagnostics import Diagnostic, Span
from compiler.manifest.model import Sla
from compiler.manifest.tree import MappingNode, Node
from compiler.planner.problem import Problem
from runtime.quantities import counted, dollars, format_duration, seconds_text

if TYPE_CHECKING:
    from compiler.planner.outlook import Outlook

BEYOND = 5
"""Samples that should lie beyond a percentile: 100 in all for p95, 500 for p99."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A planner's plan, as far as an objective is concerned."""

    planner: str
    outlook: Outlook

    def misses(self, sla: Sla) -> bool:
        return self.is_late(sla) or self.is_dear(sla)

    def is_late(self, sla: Sla) -> bool:
        return sla.deadline_s is not None and self.outlook.statistic(sla) > sla.deadline_s

    def is_dear(self, sla: Sla) -> bool:
        return sla.budget_usd is not None and self.outlook.cost.usd > sla.budget_usd

    def text(self, sla: Sla) -> str:
        """`8.1 s at p95 for $0.0012`"""
        return f"{seconds_text(self.outlook.statistic(sla))} {_statistic(sla)} for {dollars(self.outlook.cost.usd)}"


def check_objective(problem: Problem, found: Prospect, best: Callable[[], Prospect]) -> tuple[Diagnostic, ...]:
    """E511 for each bound that the plan misses, W511 when nobody has measured what it rests on. `best` is the plan of
    whoever searches for one that meets the objective; it is asked for only then."""
    sla = problem.objective
    if not found.misses(sla):
        return ()
    if not _is_certain(sla, found):
        return tuple(_diagnostics(problem, found, "W511", _doubt(sla, found.outlook.samples)))
    return tuple(_diagnostics(problem, found, "E511", _way_out(sla, found, best())))


def _diagnostics(problem: Problem, found: Prospect, code: str, hint: str) -> Iterator[Diagnostic]:
    for what, span in _misses(problem, found):
        yield Diagnostic(code=code, message=f"`{found.planner}` {what}", span=span, hint=hint)


def _is_certain(sla: Sla, found: Prospect) -> bool:
    """Whether enough is known to refuse a plan: a cost, half of the runs, or a percentile of many samples."""
    outlook = found.outlook
    if not outlook.samples or found.is_dear(sla) or sla.deadline_s is None or sla.percentile is None:
        return outlook.samples > 0
    return outlook.samples >= samples_wanted(sla.percentile) or outlook.quantile(50) > sla.deadline_s


def _doubt(sla: Sla, samples: int) -> str:
    if not samples:
        return "run it once, or state `io`: these are hints and defaults"
    return f"run it more often: {counted(samples, 'execution')} tell little of what is rare; half of the runs meet it"


def check_samples(problem: Problem) -> tuple[Diagnostic, ...]:
    """W512 when a percentile is predicted from fewer samples than it wants; nothing when there are none at all, which
    every figure says for itself."""
    sla, samples = problem.objective, problem.predictions.samples
    if sla.percentile is None or not 0 < samples < (wanted := samples_wanted(sla.percentile)):
        return ()
    count = counted(samples, "execution")
    return (
        Diagnostic(
            code="W512",
            message=f"p{sla.percentile:g} is predicted from {count} of a function, and wants {wanted:,}",
            span=_place(problem, "percentile"),
            hint="take it with a grain of salt: the prediction is wider than the truth until there are more runs",
        ),
    )


def samples_wanted(percentile: float) -> int:
    """So many that some lie beyond the percentile; of p100 nobody ever has enough."""
    return ceil(BEYOND / max(1 - percentile / 100, 1e-4) - 1e-6)


def _misses(problem: Problem, found: Prospect) -> Iterator[tuple[str, Span | None]]:
    sla = problem.objective
    if found.is_late(sla):
        assert sla.deadline_s is not None, "it is late"
        took = seconds_text(found.outlook.statistic(sla))
        text = f"is predicted to take {took} {_statistic(sla)}, and the deadline is {format_duration(sla.deadline_s)}"
        yield text, _place(problem, "deadline")
    if found.is_dear(sla):
        assert sla.budget_usd is not None, "it is dear"
        cost = dollars(found.outlook.cost.usd)
        yield f"is predicted to cost {cost}, and the budget is {dollars(sla.budget_usd)}", _place(problem, "budget")


def _way_out(sla: Sla, found: Prospect, best: Prospect) -> str:
    if not best.misses(sla):
        return f"plan with `--planner {best.planner}`: {best.text(sla)}"
    known = min((best, found), key=lambda one: (one.is_late(sla) + one.is_dear(sla), one.outlook.statistic(sla)))
    return f"relax it, or split what takes longest: the best plan known is {known.planner}'s, {known.text(sla)}"


def _statistic(sla: Sla) -> str:
    return "on average" if sla.percentile is None else f"at p{sla.percentile:g}"


def _place(problem: Problem, key: str) -> Span | None:
    """Where the manifest says it."""
    node: Node | None = problem.graph.manifest.sla_node
    if isinstance(node, MappingNode):
        node = node.get(key) or node
    return None if node is None else node.span
