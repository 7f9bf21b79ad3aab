"""The stage that plans: what planners are asked, what is known when they ask, and what a plan has to keep.

    posed = pose(graph, options)             nothing is looked up or planned yet
    planned = solve(posed, "treadle")        a planner's plan, or `keep_to(posed, kept)`, one from a file

Code and history are read once, when somebody wants to know, however many planners are asked. A plan is validated, held
against its objective, and looked at (simulated) once. How plans are made is `compiler.planner`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from compiler.diagnostics import Diagnostic, ManifestError
from compiler.findings import has_errors
from compiler.graph.model import Graph
from compiler.planner.model import Plan, PlanOptions
from compiler.planner.problem import Problem
from runtime.links import DIRECT, LinkShape
from runtime.values.collector import collector_paused

if TYPE_CHECKING:
    from compiler.code.units import Functions
    from compiler.planner.kept import KeptPlan
    from compiler.planner.outlook import Outlook
    from compiler.planner.promises import Prospect
    from compiler.predict.predictions import Predictions
    from runtime.history.view import History
    from runtime.promise import Promise

Recall = Callable[[str, Sequence[str]], "History"]

SMALL = 1000
"""Tasks of a graph whose outlook is a matter of half a second."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posed:
    """What planners are to solve; `collect` gives the code, collected once."""

    graph: Graph
    options: PlanOptions
    learn: Callable[[Graph], Predictions]
    """Looks the history up once, whoever asks how often."""
    collect: Callable[[], Functions]
    bears: Callable[[], bool] = lambda: True
    """Whether the history has anything that bears on the graph: cheaper to ask than `learn`."""
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """A graph, its plan, the problem that the plan solves, and the warnings found on the way."""

    graph: Graph
    plan: Plan
    problem: Problem
    collect: Callable[[], Functions]
    """The code, collected once."""
    bears: Callable[[], bool]
    look: Callable[[], Outlook]
    """Simulates the plan, once."""
    warnings: tuple[Diagnostic, ...] = ()
    is_predicted: bool = False
    """Whether the planner looked at predictions: then the plan rests on them, be they of hints and defaults."""

    @cached_property
    def signature(self) -> str:
        """Of tasks, edges and code."""
        return _signature(self.graph, self.collect().fingerprints)

    @property
    def outlook(self) -> Outlook:
        """What the plan is expected to do; simulated when it is first looked at."""
        return self.look()

    def doubts(self) -> tuple[Diagnostic, ...]:
        """What is to be said of the predictions that somebody has looked at, and is not among the warnings so far."""
        if not self.problem.is_learnt:
            return ()
        from compiler.planner.promises import check_samples
        from compiler.planner.timeouts import check_timeouts

        found = (*check_samples(self.problem), *check_timeouts(self.problem, self.plan))
        return tuple([one for one in found if one not in self.warnings])

    def promise(self) -> Promise | None:
        """What a run is promised to do, where every function has run before, and that can be told at once: the planner
        has predicted anyway, or the graph is small. Nothing is simulated for a promise of guesses."""
        if not self.is_predicted and (len(self.graph) > SMALL or not self.bears()):
            return None
        from compiler.planner.recalibration import promise_from

        return promise_from(self.outlook) if self.problem.predictions.samples else None


def pose(
    graph: Graph,
    options: PlanOptions,
    *,
    recall: Recall | None = None,
    link: LinkShape = DIRECT,
    warnings: tuple[Diagnostic, ...] = (),
) -> Posed:
    """The problem that a plan is to solve; nothing is planned or looked up yet. `recall` reads what bears on a graph
    from the history, by signature and fingerprints; `link` lies between workers and Redis."""
    from compiler.code.units import collect_functions

    collect = cache(lambda: collect_functions(graph))
    remembered = cache(partial(_remembered, collect, recall, graph))
    return Posed(
        graph=graph,
        options=options,
        learn=cache(partial(_learn, collect, remembered, link, options.warm is not None)),
        collect=collect,
        bears=cache(partial(_bears, collect, remembered, graph)),
        warnings=warnings,
    )


@collector_paused()
def solve(posed: Posed, planner: str) -> Planned:
    """The plan of one planner, a name in `STRATEGIES`. Raises ManifestError (E511) when it misses the objective."""
    return _meeting_objective(posed, plan_by(posed, planner))


@collector_paused()
def plan_by(posed: Posed, planner: str) -> Planned:
    """The plan of one planner, whatever the objective. Several may be asked; what is known is looked up once."""
    from compiler.planner.directives import unheeded
    from compiler.planner.registry import ALLOWED
    from compiler.planner.strategies import STRATEGIES
    from compiler.planner.validate import validate_plan

    problem = Problem(graph=posed.graph, options=posed.options, learn=posed.learn)
    plan = STRATEGIES[planner](problem)
    validate_plan(problem, plan)
    return Planned(
        graph=problem.graph,
        plan=plan,
        problem=problem,
        collect=posed.collect,
        bears=posed.bears,
        look=cache(partial(_look, problem, plan)),
        warnings=(*posed.warnings, *unheeded(problem.graph, planner, ALLOWED[planner])),
        is_predicted=problem.is_learnt,
    )


@collector_paused()
def keep_to(posed: Posed, kept: KeptPlan) -> Planned:
    """The plan that was kept, in the place of a planner's. Raises ManifestError (E514) when it does not fit."""
    from compiler.planner.restore import restore_plan, staleness
    from compiler.planner.validate import validate_plan

    problem = Problem(graph=posed.graph, options=posed.options, learn=posed.learn)
    plan = restore_plan(problem, kept)
    validate_plan(problem, plan)
    marks = posed.collect().fingerprints
    stale = staleness(problem, kept, signature=_signature(posed.graph, marks), fingerprints=marks)
    return _meeting_objective(
        posed,
        Planned(
            graph=problem.graph,
            plan=plan,
            problem=problem,
            collect=posed.collect,
            bears=posed.bears,
            look=cache(partial(_look, problem, plan)),
            warnings=(*posed.warnings, *stale),
            is_predicted=bool(kept.outlook),
        ),
    )


def _look(problem: Problem, plan: Plan) -> Outlook:
    from compiler.planner.outlook import look_ahead
    from compiler.planner.recalibration import recalibrated

    return recalibrated(problem, plan.planner, problem.outlooks.get(plan) or look_ahead(problem, plan))


def _meeting_objective(posed: Posed, planned: Planned) -> Planned:
    """The same with what is to be said of the objective. Raises ManifestError (E511) when the plan misses it by what
    was measured. An objective without bounds makes nobody predict who has not."""
    from compiler.planner.promises import Prospect, check_objective
    from compiler.planner.search.objective import is_bounded

    problem, found = planned.problem, tuple[Diagnostic, ...]()
    if is_bounded(problem.objective):
        own = Prospect(planner=planned.plan.planner, outlook=planned.outlook)
        found = check_objective(problem, own, lambda: _best(posed, own))
    if has_errors(found):
        raise ManifestError(found)
    return replace(planned, warnings=(*planned.warnings, *found, *planned.doubts()))


def _best(posed: Posed, own: Prospect) -> Prospect:
    """The plan of the planner that searches for one that meets the objective."""
    from compiler.planner.promises import Prospect
    from compiler.planner.treadle import NAME, plan_treadle

    if own.planner == NAME:
        return own
    problem = Problem(graph=posed.graph, options=posed.options, learn=posed.learn)
    return Prospect(planner=NAME, outlook=_look(problem, plan_treadle(problem)))


def _remembered(collect: Callable[[], Functions], recall: Recall | None, graph: Graph) -> History:
    from runtime.history.view import History

    marks = collect().fingerprints
    return History() if recall is None else recall(_signature(graph, marks), marks)


def _bears(collect: Callable[[], Functions], remembered: Callable[[], History], graph: Graph) -> bool:
    """Whether the history knows a function, or an earlier version of the workflow, or has something to say."""
    history = remembered()
    is_named = any(one.workflow == graph.name for one in history.graphs.values())
    return bool(history.notes) or is_named or any(map(history.functions, collect().fingerprints))


def _learn(
    collect: Callable[[], Functions], remembered: Callable[[], History], link: LinkShape, is_kept: bool, graph: Graph
) -> Predictions:
    """What is known of a graph's functions."""
    from compiler.predict.predictions import predict

    marks = collect().fingerprints
    known = predict(graph, marks, remembered(), link, _signature(graph, marks))
    return known.on_a_kept_platform() if is_kept else known


def _signature(graph: Graph, marks: Sequence[str]) -> str:
    from compiler.emit.signature import graph_signature

    return graph_signature(graph, [graph.name_of(instance) for instance in range(len(graph))], marks)
