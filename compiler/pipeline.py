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
8. **plan** (`compiler.planning`, `compiler.planner`): a strategy gives each instance a worker, or none, and a class;
   entries follow. What it wants to know of the code's past it asks `compiler.predict`, which looks the fingerprints up
   in the history.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.code.check import check_code
from compiler.code.commands import check_commands, check_shipped_sizes
from compiler.code.hints import carry_hints
from compiler.code.homonyms import check_homonyms
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.findings import Findings, has_errors, place
from compiler.graph.context import Watch
from compiler.graph.expand import DEFAULT_MAX_INSTANCES, expand_as_far_as_possible
from compiler.graph.model import Graph
from compiler.manifest.ignores import without_ignored
from compiler.manifest.linking import Linked, link
from compiler.manifest.load import BYTES_PER_EVENT, load_tree
from compiler.manifest.model import Source
from compiler.manifest.source import MAX_FILE_SIZE, read_source
from compiler.planner.checks import check_plan_static
from compiler.planner.model import PlanOptions
from compiler.planner.profile import load_profile
from compiler.planning import Planned, Posed, Recall, pose, solve
from runtime.links import DIRECT, LinkShape
from runtime.values.collector import collector_paused

if TYPE_CHECKING:
    from compiler.emit.bundle import Build

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
class Checked:
    """What the front half of the chain found: the diagnostics of every phase, and the graph when there is one."""

    diagnostics: tuple[Diagnostic, ...]
    graph: Graph | None = None
    ignored: tuple[Diagnostic, ...] = ()
    """Warnings that comments in the files asked not to report."""

    @property
    def has_errors(self) -> bool:
        return has_errors(self.diagnostics)


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
    findings = Findings()
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
        has_holes = has_errors(findings.found)
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
    return solve(_pose(graph, options, warnings), options.planner)


def pose_workflow(source: Source | Path | str, options: CompileOptions) -> Posed:
    """What planners are to solve. Raises ManifestError with everything that is wrong."""
    checked = examine(source, options)
    return _pose(_sound(checked), options, checked.diagnostics)


def _pose(graph: Graph, options: CompileOptions, warnings: tuple[Diagnostic, ...]) -> Posed:
    wanted = PlanOptions(
        concurrency=options.concurrency,
        workers=options.workers,
        python=options.python,
        rounds=options.rounds,
        cores=options.cores,
        idle_expiry_s=options.idle_expiry_s,
        warm=options.warm,
        warm_since=options.warm_since,
    )
    return pose(graph, wanted, recall=options.recall, link=options.link, warnings=warnings)


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
        raise ManifestError(tuple(sorted(refused, key=place)))


def _quoted(feature: str) -> str:
    """A key of the manifest in backquotes; a phrase has its own."""
    return feature if " " in feature else f"`{feature}`"


def _source(source: Source | Path | str, options: CompileOptions) -> Source:
    return source if isinstance(source, Source) else read_source(source, max_file_size=options.max_file_size)


def _linked(source: Source, findings: Findings, depth: int, options: CompileOptions) -> Linked | None:
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
