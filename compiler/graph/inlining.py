"""`workflow: NAME`: the copies of an imported manifest that a task stands for, before anything is bound.

A copy is a graph of its own, expanded once for its params, however many copies and tasks ask for these, so that a
mistake in it is found once too. What a task gives to params is evaluated here, for the graph of a copy may depend on
it; what it gives to inputs may be results, and is bound with the copies (`compiler.graph.splicing`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.graph.context import Context
from compiler.graph.copies import Copies, Inner
from compiler.graph.domains import Domain
from compiler.graph.merge import TaskSource, merge_tasks
from compiler.graph.model import Graph
from compiler.graph.order import param_nodes
from compiler.graph.verify import lint_graph
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.functions import plain
from compiler.manifest.expressions.symbols import SYMBOLIC, Level, NoResult, SecretValue, TaskRef, describe
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import Manifest, Workflow
from compiler.manifest.params import given_params, lone_params
from compiler.suggest import closest, did_you_mean

Expand = Callable[[Context, Mapping[str, TaskSource], "Inliner"], Graph]


_OWN_LINTS = frozenset({"W301", "W302"})
"""Lints that do not depend on how wide a family is, which is the caller's business."""


class Inliner:
    """Expands imported manifests, each once for its params."""

    def __init__(self, expand: Expand) -> None:
        self._expand = expand
        self._contexts: dict[int, Context] = {}
        self._sources: dict[int, Mapping[str, TaskSource]] = {}
        self._sizes: dict[int, int] = {}
        self._too_large: set[int] = set()
        self._known: dict[tuple[int, str], Inner | None] = {}

    def lints(self) -> Iterator[Diagnostic]:
        """What is odd about every manifest that was expanded, whatever its params: tasks that it needs for nothing."""
        seen: set[int] = set()
        for (manifest, _), inner in self._known.items():
            if inner is not None and manifest not in seen:
                seen.add(manifest)
                yield from (one for one in lint_graph(inner.graph).warnings if one.code in _OWN_LINTS)

    def inline(self, domain: Domain, context: Context, limit: int) -> None:
        """Make the copies of a task whose instances are known, at most `limit` instances in all.

        Raises Poisoned after reporting what is wrong.
        """
        body = domain.task_source.body
        assert isinstance(body, Workflow), "called for a task that inlines a workflow"
        called = context.manifest.linked[body.name]
        assert called is not None, "a task whose import is wrong is poison"
        _check_names(domain, context, called)
        caller = _Caller(domain, context, called, body.span, limit)
        if self._least(called, context) * len(domain.keys) > limit:
            self._too_large.update(id(one) for one in called.closure())
            _refuse_size(caller)
        inners: list[Inner] = []
        left = limit
        for copy in range(len(domain.keys)):
            inners.append(self._inner(caller, copy))
            left -= len(inners[-1].graph)
            if left < 0:
                _refuse_size(caller)
            context.stop_when_spent()
        domain.copies = Copies(domain.task, inners, domain.rank)
        if called.result is None and called.outputs is None:
            domain.symbol = NoResult(called.source.file)
        else:
            domain.symbol = _with_results(domain)

    def check_alone(self, manifest: Manifest, context: Context) -> None:
        """Report the mistakes of an imported manifest that no task inlines."""
        params = lone_params(manifest)
        for diagnostic in params.diagnostics:
            context.report.add(diagnostic)
        inner = context.inner(manifest, params)
        self._expand(inner, self._merged(manifest, inner), self)

    def has_tried(self, manifest: Manifest) -> bool:
        """Whether some task has inlined it, or failed to because it is too large."""
        return id(manifest) in self._contexts or id(manifest) in self._too_large

    def _inner(self, caller: _Caller, copy: int) -> Inner:
        """The graph of one copy. Raises Poisoned when it is wrong, which is reported."""
        given, text = caller.given(copy)
        key = id(caller.called), text
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._expanded(caller, copy, given)
        inner = self._known[key]
        if inner is None:
            raise Poisoned
        return inner

    def _expanded(self, caller: _Caller, copy: int, given: Mapping[str, tuple[object, Span]]) -> Inner | None:
        report, called = caller.context.report, caller.called
        before, first = report.count, len(report)
        params = given_params(called, given)
        for diagnostic in params.diagnostics:
            report.add(diagnostic)
        first = len(report) if params.diagnostics else first
        inner = self._contexts.get(id(called))
        if inner is None:
            inner = self._contexts[id(called)] = caller.context.inner(called, params)
        inner.restart(params, caller.limit)
        graph = self._expand(inner, self._merged(called, inner), self)
        if report.count > before:
            report.relate(first, Related(span=caller.span, message=f"expanded for {caller.domain.name_of(copy)} here"))
            return None
        return Inner(graph)

    def _least(self, manifest: Manifest, context: Context) -> int:
        """How many instances a copy has at least, whatever its params: one for each task without `foreach`."""
        if id(manifest) not in self._sizes:
            self._sizes[id(manifest)] = 0
            for source in self._merged(manifest, context).values():
                inner = manifest.linked.get(source.body.name) if isinstance(source.body, Workflow) else None
                if not source.task.foreach:
                    self._sizes[id(manifest)] += 1 if inner is None else self._least(inner, context)
        return self._sizes[id(manifest)]

    def _merged(self, manifest: Manifest, context: Context) -> Mapping[str, TaskSource]:
        if id(manifest) not in self._sources:
            self._sources[id(manifest)] = merge_tasks(manifest, context.report)
        return self._sources[id(manifest)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Param:
    """What is given to one param, compiled."""

    name: str
    template: TreeTemplate


class _Caller:
    """A task and the manifest that it inlines; `span` is where it names it."""

    def __init__(self, domain: Domain, context: Context, called: Manifest, span: Span, limit: int) -> None:
        self.domain = domain
        self.context = context
        self.called = called
        self.span = span
        self.limit = limit
        variables = {name: slot for slot, name in enumerate(domain.variables)}
        nodes = param_nodes(context.manifest, domain.task_source)
        self._params = [_Param(name=name, template=context.compile(node, variables)) for name, node in nodes.items()]
        if any(leaf.faults for param in self._params for leaf in param.template.leaves):
            raise Poisoned
        self._is_shared = not any(param.template.slots for param in self._params)
        self._shared: tuple[Mapping[str, tuple[object, Span]], str] | None = None

    def given(self, copy: int) -> tuple[Mapping[str, tuple[object, Span]], str]:
        """What a copy is given for its params, each with its place, and all of it as text. Raises Poisoned."""
        if self._shared is not None:
            return self._shared
        values = {param.name: self._value(param, copy) for param in self._params}
        places = {param.name: param.template.node.span for param in self._params}
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        found = {name: (value, places[name]) for name, value in values.items()}, text
        self._shared = found if self._is_shared else None
        return found

    def _value(self, param: _Param, copy: int) -> object:
        context, domain = self.context, self.domain
        frame = list(domain.frames[copy])
        where = (domain.name_of(copy), domain.bindings(copy), domain.task_source.task.foreach)
        try:
            value = param.template.evaluate(frame)
        except (TemplateFault, Poisoned):
            context.blame(param.template.leaves, frame, *(where if param.template.slots else ()))
            raise Poisoned from None
        symbol = _symbol_in(value)
        if symbol is None:
            return plain(value)
        fault = ExprFault(
            "E215" if isinstance(symbol, SecretValue) else "E214",
            f"{describe(symbol)}, cannot be given to the param `{param.name}`",
            hint=f"declare `{param.name}` among the `inputs` of `{self.called.source.file}`",
        )
        context.report.fault(context.whole(param.template.node, fault))
        raise Poisoned


def _symbol_in(value: object) -> object:
    """A run-time value in a tree, None when all of it is known."""
    stack = [value]
    while stack:
        match stack.pop():
            case list() as items:
                stack.extend(items)
            case dict() as items:
                stack.extend(items.values())
            case found if isinstance(found, SYMBOLIC):
                return found
    return None


def _check_names(domain: Domain, context: Context, called: Manifest) -> None:
    """Report what `with` gives that the manifest does not take, or takes twice, or lacks. Raises Poisoned."""
    task, file = domain.task_source.task, called.source.file
    found: list[Diagnostic] = []
    for name in task.with_ or {}:
        span = task.with_spans.get(name, task.name_span)
        if name in called.params and name in called.inputs:
            message = f"`{name}` is both a param and an input of `{called.name}`"
            found.append(Diagnostic(code="E105", message=message, span=span, hint=f"rename one of them in `{file}`"))
        elif name not in called.params and name not in called.inputs:
            message = f"`{called.name}` has no param or input `{name}`"
            hint = did_you_mean(name, [*called.params, *called.inputs]) or f"declare it in `{file}`"
            found.append(Diagnostic(code="E102", message=message, span=span, hint=hint))
    meant = {closest(name, [*called.params, *called.inputs]) for name in task.with_ or {}}
    lacking = [(noun, name) for noun, name in _lacking(called, task.with_ or {}) if name not in meant]
    if lacking:
        names = " and ".join(f"the {noun} `{name}`" for noun, name in lacking[:8]) + (" …" if len(lacking) > 8 else "")
        hint = f"write `with: {{{', '.join(f'{name}: …' for _, name in lacking[:8])}}}`"
        message = f"{names} of `{called.name}` {'have' if len(lacking) > 1 else 'has'} no value"
        found.append(Diagnostic(code="E209", message=message, span=task.name_span, hint=hint))
    for diagnostic in found:
        context.report.add(diagnostic)
    if found:
        raise Poisoned


def _lacking(called: Manifest, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """The params and inputs, by noun and name, that have no default and are not given."""
    declared = [("param", one) for one in called.params.values()] + [("input", one) for one in called.inputs.values()]
    return [
        (noun, one.name) for noun, one in declared if not one.has_default and not one.is_wrong and one.name not in given
    ]


def _refuse_size(caller: _Caller) -> None:
    caller.context.report.error(
        "E312",
        f"`{caller.domain.task}` brings the workflow above {caller.context.max_instances:,} instances",
        caller.span,
        hint="allow more with --max-instances, or inline it fewer times",
    )
    raise Poisoned


def _with_results(domain: Domain) -> object:
    """The tree of references of a family with the results of its copies in their places."""
    copies = domain.copies
    assert copies is not None, "called for a task that inlines a workflow"
    if domain.is_dynamic or not isinstance(domain.symbol, Level):
        return domain.symbol if domain.is_dynamic else copies.results[0]
    stack = [domain.symbol]
    while stack:
        children = stack.pop().children
        for key, child in children.items():
            if isinstance(child, Level):
                stack.append(child)
            elif isinstance(child, TaskRef):
                children[key] = copies.results[child.local]
    return domain.symbol
