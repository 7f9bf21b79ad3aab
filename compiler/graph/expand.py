"""From a manifest to its graph: parameters, `let`, families, arguments, options, result. All mistakes in one report.

Domains come first (which instances there are), then what each instance is called with, so that a family may refer
to itself and to tasks further down the file. What is wrong is poison: it is reported once and silences its consumers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from compiler.diagnostics import Diagnostic, ManifestError, Severity, Span
from compiler.graph.bind import EDGES_PER_INSTANCE, Binder, Edge, bind_family, compile_arguments
from compiler.graph.context import Context, Watch
from compiler.graph.copies import Copies
from compiler.graph.domains import Domain, expand_domain
from compiler.graph.handlers import find_handlers, handler_domains, refuse_handlers, with_guarded
from compiler.graph.inlining import Inliner
from compiler.graph.merge import TaskSource, merge_tasks
from compiler.graph.model import Family, Graph
from compiler.graph.order import evaluation_order
from compiler.graph.report import Report, Stopped
from compiler.graph.secrets import refuse_secret_inputs
from compiler.graph.sections import settle_sections
from compiler.graph.selfref import refuse_self_reference
from compiler.graph.settings import OptionTable, family_options
from compiler.graph.splicing import Splicer
from compiler.graph.unused import check_unused
from compiler.graph.verify import find_cycles, lint_graph
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import Manifest, Workflow
from compiler.manifest.params import resolve_params
from runtime.plan import Key, Value

DEFAULT_MAX_INSTANCES = 200_000
WATCHED_EVERY = 2_048
"""Whoever looks on is told after so many instances."""


def expand(
    manifest: Manifest,
    set_values: Mapping[str, object] | None = None,
    *,
    max_instances: int = DEFAULT_MAX_INSTANCES,
    watch: Watch | None = None,
) -> Graph:
    """The graph of a manifest, verified, its lints in `warnings`. Raises ManifestError with every mistake found."""
    graph, found = expand_as_far_as_possible(manifest, set_values, max_instances=max_instances, watch=watch)
    if found:
        raise ManifestError(found)
    return graph


def expand_as_far_as_possible(
    manifest: Manifest,
    set_values: Mapping[str, object] | None = None,
    *,
    max_instances: int = DEFAULT_MAX_INSTANCES,
    watch: Watch | None = None,
) -> tuple[Graph, tuple[Diagnostic, ...]]:
    """The graph and nothing, or what can be made of it with every mistake and warning; null is for what is wrong."""
    params = resolve_params(manifest, set_values or {})
    report = Report(source for one in manifest.closure() for source in one.sources)
    context = Context(manifest, params, report, max_instances)
    context.watch = watch or context.watch
    inliner = Inliner(_expanded)
    graph = _expanded(context, _merged(context), inliner)
    try:
        for one in manifest.closure()[1:]:
            if not inliner.has_tried(one):
                inliner.check_alone(one, context)
    except Stopped:
        graph = _graph(_Columns(), [], context)
    found = (*params.diagnostics, *report.diagnostics(), *find_cycles(graph))
    warnings = tuple(warning for one in manifest.closure() for warning in one.warnings)
    if any(diagnostic.severity is Severity.ERROR for diagnostic in found):
        return graph, (*found, *warnings)
    return lint_graph(replace(graph, warnings=(*warnings, *inliner.lints()))), ()


def _merged(context: Context) -> Mapping[str, TaskSource]:
    """The tasks with all that they stand on; none when there is too much wrong with them."""
    try:
        return merge_tasks(context.manifest, context.report)
    except Stopped:
        return {}


def _expanded(context: Context, sources: Mapping[str, TaskSource], inliner: Inliner) -> Graph:
    """The graph of one manifest as far as it can be made, with all that it inlines."""
    columns = _Columns()
    domains: list[Domain] = []
    try:
        domains = _domains(context, sources, inliner)
        _fill(columns, domains, context)
    except Stopped:
        columns, domains = _Columns(), []
    return _graph(columns, domains, context)


@dataclass(slots=True)
class _Columns:
    """The arrays of a graph while it grows."""

    family_count: int = 0
    family_of: array[int] = field(default_factory=lambda: array("l"))
    keys: list[tuple[Key, ...]] = field(default_factory=list)
    args: list[tuple[Value, ...]] = field(default_factory=list)
    kwargs: list[Mapping[str, Value]] = field(default_factory=list)
    in_edges: list[tuple[Edge, ...]] = field(default_factory=list)
    options: array[int] = field(default_factory=lambda: array("l"))
    table: OptionTable = field(default_factory=OptionTable)
    conditions: dict[int, Value] = field(default_factory=dict)
    result: Value = None
    result_edges: tuple[Edge, ...] = ()
    result_kind: str = "sinks"


def _domains(context: Context, sources: Mapping[str, TaskSource], inliner: Inliner) -> list[Domain]:
    """The families that can be expanded, in file order, numbered."""
    found: dict[str, Domain] = {}
    left = context.limit
    every = sources
    handlers = find_handlers(context, every)
    sources = {name: source for name, source in every.items() if name not in handlers.names}
    for unit, is_sound in evaluation_order(context, sources):
        context.stop_when_spent()
        if unit.kind == "let":
            if is_sound:
                context.evaluate_let(unit.name)
            else:
                context.poison_let(unit.name)
        elif is_sound and not sources[unit.name].is_poisoned:
            try:
                domain = expand_domain(sources[unit.name], context, left)
                if isinstance(sources[unit.name].body, Workflow):
                    inliner.inline(domain, context, left)
            except Poisoned:
                continue
            found[unit.name] = domain
            left -= len(domain)
            for handler in handler_domains(domain, handlers, every):
                left -= len(handler)
            if left < 0:
                refuse_handlers(domain, handlers, context)
            context.symbols[unit.name] = domain.symbol
    _check_unexpanded(context, sources, found)
    check_unused(context, every)
    ordered = [part for name in sources if name in found for part in (found[name], *found[name].handlers())]
    first = 0
    for domain in ordered:
        domain.number(first)
        first += len(domain)
    context.families.update((domain.task, domain) for domain in ordered)
    return ordered


def _check_unexpanded(context: Context, sources: Mapping[str, TaskSource], found: Mapping[str, Domain]) -> None:
    """What shows in the arguments of a family without instances is reported too."""
    for name, source in sources.items():
        if name not in found:
            compile_arguments(Domain(source), context)


def _fill(columns: _Columns, domains: list[Domain], context: Context) -> None:
    count = sum(len(domain) for domain in domains)
    binder = Binder(context, count, context.max_instances * EDGES_PER_INSTANCE)
    splicers = {domain.task: Splicer(domain, binder, columns.table) for domain in domains if domain.copies is not None}
    for domain in domains:
        if domain.copies is None:
            _fill_family(columns, domain, context, binder)
        else:
            _fill_copies(columns, domain.copies, splicers[domain.task])
    _fill_result(columns, context, binder)


def _begin_family(columns: _Columns, count: int) -> None:
    columns.family_of.extend([columns.family_count] * count)
    columns.family_count += 1


def _fill_copies(columns: _Columns, copies: Copies, splicer: Splicer) -> None:
    for part in copies.parts.values():
        _begin_family(columns, part.count)
        for row in splicer.rows(part):
            columns.keys.append(row.keys)
            columns.args.append(row.args)
            columns.kwargs.append(row.kwargs)
            columns.in_edges.append(row.in_edges)
            if row.when is not True:
                columns.conditions[len(columns.in_edges) - 1] = row.when
            columns.options.append(row.option)
    splicer.check()


def _fill_family(columns: _Columns, domain: Domain, context: Context, binder: Binder) -> None:
    _begin_family(columns, len(domain.keys))
    columns.keys.extend(domain.keys)
    columns.options.extend(family_options(domain, context, columns.table))
    args, kwargs, in_edges = columns.args, columns.kwargs, columns.in_edges
    is_alone = not domain.rank or domain.guards is not None  # the circles of other families are found later
    for bound in bind_family(domain, binder):
        args.append(bound.args)
        kwargs.append(bound.kwargs)
        in_edges.append(bound.in_edges)
        if bound.when is not True:
            columns.conditions[len(in_edges) - 1] = bound.when
        if not len(args) % WATCHED_EVERY:
            context.watch(len(args), binder.instances)
        if is_alone and any(producer == len(args) - 1 for producer, _ in bound.in_edges):
            refuse_self_reference(domain, context, list(domain.frames[len(args) - 1 - domain.first]))
            in_edges[-1] = ()


def _fill_result(columns: _Columns, context: Context, binder: Binder) -> None:
    """`result` or `outputs`: its value tree and the edges that it counts along. Of both (E105) each is read."""
    manifest = context.manifest
    binder.begin()
    if manifest.outputs is not None:
        columns.result_kind = "outputs"
        outputs: dict[str, Value] = {}
        for name, node in manifest.outputs.items():
            outputs[name] = _result(context.compile(node), context, binder)
        columns.result = outputs
    if manifest.result is not None:
        columns.result_kind = "result"
        columns.result = _result(context.compile(manifest.result), context, binder)
    columns.result_edges = binder.edges()


def _result(template: TreeTemplate, context: Context, binder: Binder) -> Value:
    try:
        value = binder.value(template.evaluate([]))
        return refuse_secret_inputs(value, context, "part of a result", "return what a task made of it")
    except (TemplateFault, Poisoned):
        context.blame(template.leaves, [])
    except ExprFault as fault:
        context.report.fault(context.whole(template.node, fault))
    return None


def _graph(columns: _Columns, domains: list[Domain], context: Context) -> Graph:
    manifest = _settled(context)
    families = tuple(family for domain in domains for family in _families(domain, manifest))
    return Graph(
        name=manifest.name,
        manifest=manifest,
        families=families,
        family_of=columns.family_of,
        keys=columns.keys,
        args=columns.args,
        kwargs=columns.kwargs,
        in_edges=columns.in_edges,
        options=columns.options,
        option_table=columns.table.rows(),
        targets=with_guarded(families, _targets(columns)),
        conditions=columns.conditions,
        result=columns.result,
        result_edges=columns.result_edges,
        result_kind=columns.result_kind,
        params=dict(context.params.values),
        let=context.let_values(),
        unsupported=tuple(dict.fromkeys((*manifest.unsupported, *_run_time_families(domains), *_inherited(domains)))),
    )


def _settled(context: Context) -> Manifest:
    """The manifest with its sections evaluated, unless nothing is to be evaluated any more."""
    try:
        context.stop_when_spent()
        return settle_sections(context)
    except Stopped:
        return context.manifest


def _families(domain: Domain, manifest: Manifest) -> Iterator[Family]:
    if domain.copies is None:
        yield _family(domain, manifest)
    else:
        for part in domain.copies.parts.values():
            yield part.as_family(domain.copies, is_dynamic=domain.is_dynamic)


def _family(domain: Domain, manifest: Manifest) -> Family:
    source = domain.task_source
    assert not isinstance(source.body, Workflow), "a task that inlines a workflow has copies"
    return Family(
        task=domain.task,
        rank=domain.rank,
        first=domain.first,
        count=len(domain.keys),
        body=source.body,
        span=source.task.name_span,
        outputs=domain.outputs,
        dynamic=domain.is_dynamic,
        manifest=manifest,
        source=source,
        handles=domain.guards.task if domain.guards is not None else "",
        variables=domain.variables,
        frames=domain.frames,
    )


def _targets(columns: _Columns) -> tuple[int, ...]:
    """What `result` and `outputs` name, and every sink: a task that nobody needs still runs."""
    is_target = bytearray(b"\x01") * len(columns.keys)
    for sources in columns.in_edges:
        for producer, _ in sources:
            is_target[producer] = 0
    for producer, _ in columns.result_edges:
        is_target[producer] = 1
    return tuple(instance for instance, wanted in enumerate(is_target) if wanted)


def _run_time_families(domains: list[Domain]) -> Iterator[tuple[str, Span]]:
    for domain in domains:
        if domain.is_dynamic:
            yield "a `foreach` over results (run-time width)", domain.task_source.task.foreach[0].iterable.span


def _inherited(domains: list[Domain]) -> Iterator[tuple[str, Span]]:
    """What the inlined workflows have that is not executed yet."""
    for domain in domains:
        for inner in domain.copies.inners if domain.copies is not None else ():
            yield from inner.graph.unsupported
