"""THE chain, from a manifest to a build. Every stage is one function over frozen values.

1. **read** (`compiler.manifest.source`): bytes to text, within a size, as UTF-8.
2. **load** (`compiler.manifest.load`): text to a tree on YAML's event stream; every node has its place.
3. **parse** (`compiler.manifest.parse`): the tree is checked against the JSON Schema and becomes a `Manifest`:
   sections typed, whatever may hold an expression still a node.
   **link** (`compiler.manifest.linking`): the files that it includes and imports are read, loaded, parsed and joined
   to it, each with mistakes of its own.
4. **expand** (`compiler.graph.expand`): parameters, `let`, expressions, `foreach` and references become a `Graph`:
   instances and edges in arrays, verified to be acyclic.
5. **check code** (`compiler.code.check`): the user's modules, read with `ast`; nothing of the user's is imported.
   What functions say of their results in code (`compiler.code.hints`) goes into the graph.
6. **check plan** (`compiler.planner.checks`): stated resources, pins and declared workers against the target profile.
7. **collect** (`compiler.code.units`): the user's modules as deterministic archives, and the functions' fingerprints.
8. **plan** (`compiler.planner`): a strategy gives each instance a worker, or none, and a class; entries follow. What it
   wants to know of the code's past it asks `compiler.predict`, which looks the fingerprints up in the history.
9. **emit** (`compiler.emit`): records, pages, SubDags, literals, code and runtime under one index: the `Build`.

`check` runs 1 to 6 and reports everything it finds at once. `plan_workflow` stops after 8, `build_workflow` goes on
from there, `compile_workflow` runs them all. The garbage collector is paused meanwhile, here and nowhere in the stages:
what they make lives to the end, and looking through it again and again costs up to several times the work.
An editor calls `check` on every save: what only later stages need is imported by those.
Nothing here launches anything, and nothing but reading the manifest and the user's modules touches the world.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from compiler.code.check import check_code
from compiler.code.commands import check_commands, check_shipped_sizes
from compiler.code.hints import carry_hints
from compiler.code.homonyms import check_homonyms
from compiler.diagnostics import MAX_MISTAKES, Diagnostic, ManifestError, Severity, Span
from compiler.graph.context import Watch
from compiler.graph.expand import DEFAULT_MAX_INSTANCES, expand_as_far_as_possible
from compiler.graph.model import Graph
from compiler.manifest.ignores import without_ignored
from compiler.manifest.linking import Linked, link
from compiler.manifest.load import BYTES_PER_EVENT, load_tree
from compiler.manifest.model import Source
from compiler.manifest.source import MAX_FILE_SIZE, read_source
from compiler.planner.checks import check_plan_static
from compiler.planner.model import Plan, PlanOptions
from compiler.planner.problem import Problem
from compiler.planner.profile import load_profile
from runtime.links import DIRECT, LinkShape
from runtime.values.collector import collector_paused

if TYPE_CHECKING:
    from compiler.code.units import Functions
    from compiler.emit.bundle import Build
    from compiler.planner.kept import KeptPlan
    from compiler.planner.outlook import Outlook
    from compiler.planner.promises import Prospect
    from compiler.predict.predictions import Predictions
    from runtime.history.view import History
    from runtime.promise import Promise

T = TypeVar("T")
Recall = Callable[[str, Sequence[str]], "History"]

SMALL = 1000
"""Tasks of a graph whose outlook is a matter of half a second."""

LEVELS = ("syntax", "schema", "graph", "code", "plan")
"""How far `check` goes: each level includes those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What the command line decides about a compilation. `set_values` are parameters: texts, or values as they are.

    `concurrency` is the number of environments that may live at once, `workers` the number of worker ids
    (None: `simple` takes min(8, concurrency), others what they find best), `python` the version in the environments.
    """

    set_values: Mapping[str, object] = field(default_factory=dict)
    planner: str = "treadle"
    workers: int | None = None
    concurrency: int = 8
    max_instances: int = DEFAULT_MAX_INSTANCES
    max_file_size: int = MAX_FILE_SIZE
    time_limit_s: float = math.inf
    """The user's own limit of an invocation, where it is less than the target's."""
    python: str = ".".join(platform.python_version_tuple()[:2])
    watch: Watch | None = None
    """Is told of the progress of a long expansion."""
    rounds: int | None = None
    """How long a planner that searches may search; None for what it finds right."""
    cores: float = math.inf
    """CPUs that all environments share; inf where each has its own."""
    idle_expiry_s: float = 300.0
    warm: Mapping[str, int] | None = None
    """Environments that wait for the run, by class; None where the platform itself starts with it."""
    warm_since: float = 0.0
    """When the newest of them was made."""
    link: LinkShape = DIRECT
    """What lies between workers and Redis."""
    recall: Recall | None = None
    """Reads what bears on a graph from the history, by signature and fingerprints, when a planner wants to know."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """What the front half of the chain found: the diagnostics of every phase, and the graph when there is one."""

    diagnostics: tuple[Diagnostic, ...]
    graph: Graph | None = None
    ignored: tuple[Diagnostic, ...] = ()
    """Warnings that comments in the files asked not to report."""

    @property
    def has_errors(self) -> bool:
        return _has_errors(self.diagnostics)


def check(
    source: Source | Path | str,
    set_values: Mapping[str, object] | None = None,
    level: str = "plan",
    *,
    max_instances: int = DEFAULT_MAX_INSTANCES,
    max_file_size: int = MAX_FILE_SIZE,
) -> list[Diagnostic]:
    """Every diagnostic of the stages up to `level`, in one run, sorted by place; never raises ManifestError.

    One mistake gives one diagnostic: a later stage's finding at a place where an earlier one found an error is dropped,
    and warnings are muted while there are errors.
    """
    options = CompileOptions(set_values=set_values or {}, max_instances=max_instances, max_file_size=max_file_size)
    return list(examine(source, options, level).diagnostics)


@collector_paused()
def examine(source: Source | Path | str, options: CompileOptions, level: str = "plan") -> Checked:
    """Stages 1 to 6, as far as `level` says: all diagnostics, and the expanded graph when there is one."""
    assert level in LEVELS, f"no level {level}"
    findings = _Findings()
    depth = LEVELS.index(level)
    text = findings.collect(lambda: _source(source, options))
    linked = _linked(text, findings, depth, options) if text is not None else None
    manifest = linked.manifest if linked is not None else None
    graph: Graph | None = None
    if manifest is not None and depth >= LEVELS.index("graph") and not findings.are_enough:
        partial, found = expand_as_far_as_possible(
            manifest, options.set_values, max_instances=options.max_instances, watch=options.watch
        )
        findings.add(found or partial.warnings)
        graph = None if found else partial
        has_holes = _has_errors(findings.found)
        if depth >= LEVELS.index("code") and not findings.are_enough:
            for one in manifest.closure():
                findings.add(check_code(one))
            findings.add(check_homonyms(manifest))
            if graph is not None and not findings.are_enough:
                findings.add(check_commands(graph, has_holes=has_holes))
                graph, hinted = carry_hints(graph)
                findings.add(hinted)
        if depth >= LEVELS.index("plan") and not findings.are_enough:
            profile = load_profile()
            findings.add(check_plan_static(partial if graph is None else graph, profile, options.time_limit_s))
            if graph is not None and not findings.are_enough:
                findings.add(check_shipped_sizes(graph, profile.unzipped_bytes))
    diagnostics = findings.sorted()
    kept: Sequence[Diagnostic] = diagnostics
    for read in linked.sources if linked is not None else ():
        kept = without_ignored(kept, read.text, read.file)
    left = set(map(id, kept))
    ignored = tuple(one for one in diagnostics if id(one) not in left)
    return Checked(diagnostics=tuple(kept), graph=graph, ignored=ignored)


def expand_workflow(source: Source | Path | str, options: CompileOptions) -> Graph:
    """The expanded graph. Raises ManifestError with everything that is wrong up to the level "graph"."""
    return _sound(examine(source, options, "graph"))


def plan_workflow(source: Source | Path | str, options: CompileOptions) -> Planned:
    """The graph and its plan. Raises ManifestError with everything that is wrong."""
    return solve(pose_workflow(source, options), options.planner)


@collector_paused()
def plan_graph(graph: Graph, options: CompileOptions, warnings: tuple[Diagnostic, ...] = ()) -> Planned:
    """The plan of a checked graph; `options.planner` is a name in `STRATEGIES`."""
    return solve(pose(graph, options, warnings), options.planner)


def pose_workflow(source: Source | Path | str, options: CompileOptions) -> Posed:
    """What planners are to solve. Raises ManifestError with everything that is wrong."""
    checked = examine(source, options)
    return pose(_sound(checked), options, checked.diagnostics)


def pose(graph: Graph, options: CompileOptions, warnings: tuple[Diagnostic, ...] = ()) -> Posed:
    """The problem that a plan is to solve; nothing is planned or looked up yet."""
    from compiler.code.units import collect_functions

    collect = cache(lambda: collect_functions(graph))
    recall = cache(partial(_recall, collect, options, graph))
    return Posed(
        graph=graph,
        options=_plan_options(options),
        learn=cache(partial(_learn, collect, recall, options)),
        collect=collect,
        bears=cache(partial(_bears, collect, recall, graph)),
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
    if _has_errors(found):
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


def _plan_options(options: CompileOptions) -> PlanOptions:
    return PlanOptions(
        concurrency=options.concurrency,
        workers=options.workers,
        python=options.python,
        rounds=options.rounds,
        cores=options.cores,
        idle_expiry_s=options.idle_expiry_s,
        warm=options.warm,
        warm_since=options.warm_since,
    )


def _recall(collect: Callable[[], Functions], options: CompileOptions, graph: Graph) -> History:
    from runtime.history.view import History

    marks = collect().fingerprints
    return History() if options.recall is None else options.recall(_signature(graph, marks), marks)


def _bears(collect: Callable[[], Functions], recall: Callable[[], History], graph: Graph) -> bool:
    """Whether the history knows a function, or an earlier version of the workflow, or has something to say."""
    history = recall()
    is_named = any(one.workflow == graph.name for one in history.graphs.values())
    return bool(history.notes) or is_named or any(map(history.functions, collect().fingerprints))


def _learn(
    collect: Callable[[], Functions], recall: Callable[[], History], options: CompileOptions, graph: Graph
) -> Predictions:
    """What is known of a graph's functions."""
    from compiler.predict.predictions import predict

    marks = collect().fingerprints
    known = predict(graph, marks, recall(), options.link, _signature(graph, marks))
    return known if options.warm is None else known.on_a_kept_platform()


def _signature(graph: Graph, marks: Sequence[str]) -> str:
    from compiler.emit.signature import graph_signature

    return graph_signature(graph, [graph.name_of(instance) for instance in range(len(graph))], marks)


@collector_paused()
def build_workflow(planned: Planned, *, promises: bool = False) -> Build:
    """The bundle of a planned graph; with what a run of it is expected to do, where the caller wants to promise it."""
    from compiler.emit.bundle import make_build

    build = make_build(planned.graph, planned.plan, planned.collect())
    return replace(build, promise=planned.promise()) if promises else build


@collector_paused()
def compile_workflow(source: Source | Path | str, options: CompileOptions) -> Build:
    """The whole chain. Raises ManifestError with everything that is wrong."""
    return build_workflow(plan_workflow(source, options))


def refuse_unsupported(graph: Graph) -> None:
    """Raise ManifestError (E513) for each feature of the manifest that `run` does not execute yet."""
    refused = [
        Diagnostic(
            code="E513",
            message=f"{_quoted(feature)} is checked and planned, but not executed yet",
            span=span,
            hint="remove it to run this workflow; `validate`, `expand`, `graph` and `plan` accept it",
        )
        for feature, span in graph.unsupported
    ]
    if refused:
        raise ManifestError(tuple(sorted(refused, key=_place)))


def _quoted(feature: str) -> str:
    """A key of the manifest in backquotes; a phrase has its own."""
    return feature if " " in feature else f"`{feature}`"


def _source(source: Source | Path | str, options: CompileOptions) -> Source:
    return source if isinstance(source, Source) else read_source(source, max_file_size=options.max_file_size)


def _linked(source: Source, findings: _Findings, depth: int, options: CompileOptions) -> Linked | None:
    """Stages 2 and 3 with everything that the manifest names; None when the text holds no tree."""
    tree, diagnostics = load_tree(source, max_events=options.max_file_size // BYTES_PER_EVENT)
    findings.add(diagnostics)
    if tree is None or depth < LEVELS.index("schema"):
        return None
    if findings.are_enough:
        return None
    linked = link(source, tree, max_file_size=options.max_file_size)
    findings.add(linked.spoiled)
    findings.add(linked.diagnostics)
    return linked


def _sound(checked: Checked) -> Graph:
    if checked.graph is None or checked.has_errors:
        raise ManifestError(checked.diagnostics)
    return checked.graph


class _Findings:
    """Diagnostics phase by phase, without cascades."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def collect(self, stage: Callable[[], T]) -> T | None:
        """The value of a stage, or None when it raises ManifestError; what it reports is added."""
        try:
            return stage()
        except ManifestError as err:
            self.add(err.diagnostics)
            return None

    def add(self, phase: Sequence[Diagnostic]) -> None:
        """Add one phase's diagnostics, but for those at a place where an earlier phase found an error."""
        errors = self._errors_by_line()
        known = set(map(_identity, self.found))
        for diagnostic in phase:
            identity = _identity(diagnostic)
            if identity not in known and not _is_covered(diagnostic, errors):
                known.add(identity)
                self.found.append(diagnostic)

    def _errors_by_line(self) -> dict[tuple[str, int], list[Span]]:
        lines: dict[tuple[str, int], list[Span]] = {}
        for one in self.found:
            if one.span is not None and one.severity is Severity.ERROR:
                lines.setdefault((one.span.file, one.span.start.line), []).append(one.span)
        return lines

    @property
    def are_enough(self) -> bool:
        """Whether there are so many errors that no stage begins any more."""
        return sum(one.severity is Severity.ERROR for one in self.found) >= MAX_MISTAKES

    def sorted(self) -> tuple[Diagnostic, ...]:
        """By file, line, column and code; warnings only when there is no error. The first one says that there were
        too many.
        """
        is_muted = _has_errors(self.found)
        kept = sorted((one for one in self.found if not is_muted or one.severity is Severity.ERROR), key=_place)
        if self.are_enough:
            note = f"there are so many errors that the check has ended after {MAX_MISTAKES:,} of them"
            kept[0] = replace(kept[0], notes=(*kept[0].notes, note))
        return tuple(kept)


def _has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(one.severity is Severity.ERROR for one in diagnostics)


def _identity(diagnostic: Diagnostic) -> tuple[object, ...]:
    return diagnostic.code, diagnostic.span, diagnostic.message


def _is_covered(diagnostic: Diagnostic, errors: Mapping[tuple[str, int], list[Span]]) -> bool:
    span = diagnostic.span
    if span is None:
        return False
    return any(
        outer.start <= span.start and span.end <= outer.end for outer in errors.get((span.file, span.start.line), ())
    )


def _place(diagnostic: Diagnostic) -> tuple[object, ...]:
    span = diagnostic.span
    where = ("", 0, 0) if span is None else (span.file, span.start.line, span.start.column)
    return (*where, diagnostic.code, diagnostic.message)
