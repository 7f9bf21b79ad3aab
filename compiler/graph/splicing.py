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

from compiler.graph.bind import Binder, Edge, Waits
from compiler.graph.copies import Copies, Inner, Part
from compiler.graph.domains import Domain
from compiler.graph.given import GivenInputs
from compiler.graph.model import SEPARATOR
from compiler.graph.settings import OptionTable
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.operators import as_text
from compiler.manifest.expressions.symbols import SYMBOLIC, InputValue, describe
from compiler.manifest.model import Manifest, TaskOptions
from runtime.plan import Input, Key, Ref, Value, Variable, map_refs

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
        self._inputs = GivenInputs(domain, binder.context)
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


def _renamed(option: str, text: str, task: str) -> str:
    """The task that `on_error` names, by its name in the outer graph."""
    value = json.loads(text) if option == "on_error" else None
    if isinstance(value, dict) and "task" in value:
        return json.dumps({**value, "task": f"{task}{SEPARATOR}{value['task']}"}, ensure_ascii=False, sort_keys=True)
    return text


def _folder(inner: Manifest, outer: Manifest) -> str:
    """The folder of an imported manifest, from that of the manifest that imports it."""
    return PurePath(relpath(inner.source.root.resolve(), outer.source.root.resolve())).as_posix()
