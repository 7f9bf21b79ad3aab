"""The copies of an inlined workflow among the instances of the graph that inlines it.

An instance of a copy is called with what the inner graph says, its edges renumbered; arguments are shared by all copies
as they are, unless an input of the workflow stands in them, which becomes what the task gives. The first instances of
a copy also wait for what the task comes after.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import PurePath

from compiler.diagnostics import ManifestError
from compiler.graph.bind import Binder, Edge, Waits, select_path
from compiler.graph.context import Context
from compiler.graph.copies import Copies, Inner, Part
from compiler.graph.domains import Domain
from compiler.graph.model import SEPARATOR
from compiler.graph.settings import OptionTable
from compiler.manifest.faults import ExprFault, Poisoned
from compiler.manifest.model import Manifest, TaskOptions, Workflow
from compiler.manifest.operators import as_text
from compiler.manifest.params import accept_input
from compiler.manifest.symbols import SYMBOLIC, InputValue, Level, describe
from compiler.manifest.templates import TemplateFault, TreeTemplate
from runtime.plan import Input, Key, Ref, Value, Variable, map_refs, path_text

FILE_MARK = "-r "
"""How a requirements file stands in the options of an instance."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instance of a copy."""

    keys: tuple[Key, ...]
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    in_edges: tuple[Edge, ...]
    option: int


class Splicer:
    """Makes the rows of the parts of one task."""

    def __init__(self, domain: Domain, binder: Binder, table: OptionTable) -> None:
        assert domain.copies is not None, "called for a task that inlines a workflow"
        self._domain = domain
        self._copies: Copies = domain.copies
        self._binder = binder
        self._table = table
        self._waits = Waits(domain, binder)
        self._inputs = _Inputs(domain, binder.context)
        self._copies.given = self._inputs.value
        self._options: dict[tuple[int, int], int] = {}
        self._folder = _folder(self._inputs.called, binder.context.manifest)

    def rows(self, part: Part) -> Iterator[Row]:
        """The instances of a part, copy after copy."""
        name = part.family.task
        for copy, inner in enumerate(self._copies.inners):
            family = inner.families.get(name)
            keys = self._domain.keys[copy]
            for instance in range(family.first, family.first + family.count) if family is not None else ():
                yield self._row(copy, inner, instance, keys)

    def check(self) -> None:
        """Report what is wrong with an input that no instance needs."""
        self._inputs.check()

    def _row(self, copy: int, inner: Inner, instance: int, keys: tuple[Key, ...]) -> Row:
        graph = inner.graph
        edges = self._moved(copy, inner, graph.in_edges[instance])
        args, kwargs = graph.args[instance], graph.kwargs[instance]
        if inner.has_input[instance]:
            args, kwargs, edges = self._rebound(copy, inner, instance, edges)
        elif self._waits and inner.is_source[instance]:
            edges = self._preceded(copy, edges)
        else:
            self._binder.charge_edges(len(edges))
        return Row((*keys, *graph.keys[instance]), args, kwargs, edges, self._option(copy, inner, instance))

    def _moved(self, copy: int, inner: Inner, edges: Sequence[Edge]) -> tuple[Edge, ...]:
        """Edges of the inner graph as edges of this one."""
        shifts, family_of = self._copies.shifts(copy), inner.graph.family_of
        return tuple([(producer + shifts[family_of[producer]], output) for producer, output in edges])

    def _rebound(
        self, copy: int, inner: Inner, instance: int, edges: tuple[Edge, ...]
    ) -> tuple[tuple[Value, ...], Mapping[str, Value], tuple[Edge, ...]]:
        """The arguments with the inputs in them given, and the edges counted anew."""
        binder, graph = self._binder, inner.graph
        binder.begin()

        def visit(leaf: object) -> object:
            match leaf:
                case Ref(edge=edge, path=path):
                    return binder.edge(edges[edge], path)
                case Input(name=name, path=path):
                    return self._input(copy, name, path)
                case _:
                    return leaf

        args = tuple([map_refs(value, visit) for value in graph.args[instance]])
        kwargs = {name: map_refs(value, visit) for name, value in graph.kwargs[instance].items()}
        for producer, output in edges:
            if output < 0:
                binder.precede((producer,))
            else:
                binder.edge((producer, output))
        if inner.is_source[instance]:
            self._waits.add(list(self._domain.frames[copy]), copy)
        return args, kwargs, binder.edges()  # type: ignore[return-value]

    def _preceded(self, copy: int, edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
        self._binder.begin()
        for edge in edges:
            self._binder.edge(edge)
        self._waits.add(list(self._domain.frames[copy]), copy)
        return self._binder.edges()

    def _input(self, copy: int, name: str, path: tuple[str | int, ...]) -> Value:
        """What the task gives to an input, or a part of it; null when it is wrong, which is reported."""
        try:
            return self._binder.value(self._inputs.part(copy, name, path))
        except ExprFault as fault:
            self._inputs.refuse(name, fault)
        except Poisoned:
            pass
        return None

    def _option(self, copy: int, inner: Inner, instance: int) -> int:
        number = inner.graph.options[instance]
        key = id(inner), number
        if key in self._options:
            return self._options[key]
        options = inner.graph.option_table[number]
        if any(isinstance(value, Input) for _, value in options.environ):
            return self._table.intern(self._moved_options(options, copy))
        self._options[key] = self._table.intern(self._moved_options(options, copy))
        return self._options[key]

    def _moved_options(self, options: TaskOptions, copy: int) -> TaskOptions:
        """With requirements files named from the folder of the outer manifest, and inputs in `env` given."""
        requirements = tuple(
            FILE_MARK + posixpath.normpath(posixpath.join(self._folder, item.removeprefix(FILE_MARK)))
            if item.startswith(FILE_MARK)
            else item
            for item in options.requirements
        )
        environ = tuple((name, self._variable(name, value, copy)) for name, value in options.environ)
        other = tuple((name, _renamed(name, text, self._domain.task)) for name, text in options.other)
        return replace(options, requirements=requirements, environ=environ, other=other)

    def _variable(self, name: str, value: Variable, copy: int) -> Variable:
        if not isinstance(value, Input):
            return value
        try:
            found = self._inputs.part(copy, value.name, value.path)
            if isinstance(found, InputValue):
                return Input(found.name, found.path)
            if isinstance(found, SYMBOLIC):
                message = f"{describe(found)}, cannot be the environment variable `{name}` of the workflow"
                raise ExprFault("E214", message, hint="give it a value that is known at launch")
            return as_text(found)
        except ExprFault as fault:
            self._inputs.refuse(value.name, fault)
        except Poisoned:
            pass
        return ""


class _Inputs:
    """What a task gives to the inputs of the workflow that it inlines, evaluated once for each copy."""

    def __init__(self, domain: Domain, context: Context) -> None:
        body = domain.task_source.body
        called = context.manifest.linked[body.name] if isinstance(body, Workflow) else None
        assert called is not None, "called for a task that inlines a workflow"
        self.called: Manifest = called
        self._domain = domain
        self._context = context
        variables = {name: slot for slot, name in enumerate(domain.variables)}
        given = domain.task_source.task.with_ or {}
        self._templates: dict[str, TreeTemplate] = {
            name: context.compile(node, variables) for name, node in given.items() if name in called.inputs
        }
        self._values: dict[tuple[int, str], object] = {}

    def value(self, copy: int, name: str) -> object:
        """The value of an input, families in it as lists. Raises Poisoned when it is wrong, which is reported."""
        template = self._templates.get(name)
        key = (copy if template is not None and template.slots else -1), name
        if key not in self._values:
            self._values[key] = _WRONG
            self._values[key] = self._evaluated(copy, name, template)
        if self._values[key] is _WRONG:
            raise Poisoned
        return self._values[key]

    def part(self, copy: int, name: str, path: tuple[str | int, ...]) -> object:
        """A part of an input. Raises ExprFault (E208) when the value is known to have no such part, Poisoned."""
        value = self.value(copy, name)
        try:
            return select_path(value, path)
        except ExprFault as fault:
            message = f"`{self.called.name}` reads `{name}{path_text(path)}`, and this value has no such part"
            raise ExprFault("E208", message, hint=fault.hint) from fault

    def refuse(self, name: str, fault: ExprFault) -> None:
        """Report a fault of a value where it is given."""
        template = self._templates.get(name)
        if template is not None:
            self._context.report.fault(self._context.whole(template.node, fault))
        else:
            task = self._domain.task_source.task
            self._context.report.error(fault.code, fault.message, task.name_span, hint=fault.hint)

    def check(self) -> None:
        for name, template in self._templates.items():
            for copy in range(len(self._domain.keys) if template.slots else min(1, len(self._domain.keys))):
                self._context.stop_when_spent()
                try:
                    self.value(copy, name)
                except Poisoned:
                    continue

    def _evaluated(self, copy: int, name: str, template: TreeTemplate | None) -> object:
        declared = self.called.inputs[name]
        if template is None:
            return self._accepted(name, declared.default)
        domain, frame = self._domain, list(self._domain.frames[copy])
        where = (domain.name_of(copy), domain.bindings(copy), domain.task_source.task.foreach) if template.slots else ()
        try:
            value = _listed(template.evaluate(frame))
        except (TemplateFault, Poisoned):
            self._context.blame(template.leaves, frame, *where)
            return _WRONG
        return value if _is_symbolic(value) else self._accepted(name, value)

    def _accepted(self, name: str, value: object) -> object:
        declared, template = self.called.inputs[name], self._templates.get(name)
        span = template.node.span if template is not None else declared.default_span or declared.span
        if declared.type == "secret":
            return value
        try:
            return accept_input(declared, value, span)
        except ManifestError as err:
            for diagnostic in err.diagnostics:
                self._context.report.add(diagnostic)
            return _WRONG


_WRONG = object()
"""Stands for the value of an input that is wrong, which is reported."""


def _listed(value: object) -> object:
    """A value with its families and ranges as lists: what a task would be called with."""
    match value:
        case Level():
            return [_listed(item) for item in value.items()]
        case list() | range():
            return [_listed(item) for item in value]
        case dict():
            return {key: _listed(item) for key, item in value.items()}
        case _:
            return value


def _is_symbolic(value: object) -> bool:
    match value:
        case list():
            return any(map(_is_symbolic, value))
        case dict():
            return any(map(_is_symbolic, value.values()))
        case _:
            return isinstance(value, SYMBOLIC)


def _renamed(option: str, text: str, task: str) -> str:
    """The task that `on_error` names, by its name in the outer graph."""
    value = json.loads(text) if option == "on_error" else None
    if isinstance(value, dict) and "task" in value:
        return json.dumps({**value, "task": f"{task}{SEPARATOR}{value['task']}"}, ensure_ascii=False, sort_keys=True)
    return text


def _folder(inner: Manifest, outer: Manifest) -> str:
    """The folder of an imported manifest, from that of the manifest that imports it."""
    return PurePath(relpath(inner.source.root.resolve(), outer.source.root.resolve())).as_posix()
