"""The copies of an inlined workflow among the instances of the graph that inlines it.

An instance of a copy is called with what the inner graph says, its edges renumbered; arguments are shared by all copies
as they are, unless an input of the workflow stands in them, which becomes what the task gives. The first instances of
a copy also wait for what the task comes after.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import PurePath

from compiler.graph.bind import Binder, Bound, Edge, Waits, both
from compiler.graph.copies import Copies, Inner, Part
from compiler.graph.domains import Domain
from compiler.graph.given import GivenInputs
from compiler.graph.settings import OptionTable
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.operators import as_text
from compiler.manifest.expressions.symbols import SYMBOLIC, InputValue, describe
from compiler.manifest.model import Manifest, TaskOptions
from runtime.plan import Input, Key, Ref, Secret, Value, Variable, map_refs

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
    when: Value = True


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
                yield self._row(copy, inner, part, instance, keys)

    def check(self) -> None:
        """Report what is wrong with an input that no instance needs."""
        self._inputs.check()

    def _row(self, copy: int, inner: Inner, part: Part, instance: int, keys: tuple[Key, ...]) -> Row:
        graph = inner.graph
        edges = self._moved(copy, inner, graph.in_edges[instance])
        bound = Bound(graph.args[instance], graph.kwargs[instance], edges, graph.conditions.get(instance, True))
        if inner.has_input[instance]:
            bound = self._rebound(copy, bound, part, is_source=bool(inner.is_source[instance]))
        elif self._waits.when or (self._waits and inner.is_source[instance]):
            bound = self._preceded(copy, bound, is_source=bool(inner.is_source[instance]))
        else:
            self._binder.charge_edges(len(edges))
        keys = (*keys, *graph.keys[instance])
        return Row(keys, bound.args, bound.kwargs, bound.in_edges, self._option(copy, inner, instance), bound.when)

    def _moved(self, copy: int, inner: Inner, edges: Sequence[Edge]) -> tuple[Edge, ...]:
        """Edges of the inner graph as edges of this one."""
        shifts, family_of = self._copies.shifts(copy), inner.graph.family_of
        return tuple([(producer + shifts[family_of[producer]], output) for producer, output in edges])

    def _rebound(self, copy: int, bound: Bound, part: Part, *, is_source: bool) -> Bound:
        """The arguments with the inputs in them given, and the edges counted anew; a handler's first stays first."""
        binder, edges = self._binder, bound.in_edges
        binder.begin()
        if part.family.handles:
            binder.edge(edges[0])

        def visit(leaf: object) -> object:
            match leaf:
                case Ref(edge=edge, path=path, handlers=handlers):
                    return binder.edge(edges[edge], path, tuple([edges[handler] for handler in handlers]))
                case Input(name=name, path=path):
                    return self._input(copy, name, path)
                case _:
                    return leaf

        args = tuple([map_refs(value, visit) for value in bound.args])
        kwargs = {name: map_refs(value, visit) for name, value in bound.kwargs.items()}
        when = map_refs(bound.when, visit)
        for producer, output in edges:
            if output < 0:
                binder.precede((producer,))
            else:
                binder.edge((producer, output))
        when = self._condition(copy, when, is_source=is_source)  # type: ignore[arg-type]
        return Bound(args, kwargs, binder.edges(), when)  # type: ignore[arg-type]

    def _preceded(self, copy: int, bound: Bound, *, is_source: bool) -> Bound:
        self._binder.begin()
        for edge in bound.in_edges:
            self._binder.edge(edge)
        when = self._condition(copy, bound.when, is_source=is_source)
        return replace(bound, in_edges=self._binder.edges(), when=when)

    def _condition(self, copy: int, own: Value, *, is_source: bool) -> Value:
        """On what an instance runs: the `when` of the task that inlines the workflow holds for each of its instances.

        What that task comes after, only the first ones wait for.
        """
        given = self._waits.condition(list(self._domain.frames[copy]), copy)
        if is_source:
            self._waits.add_before()
        return both(given, own)

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
        return replace(options, requirements=requirements, environ=environ)

    def _variable(self, name: str, value: Variable, copy: int) -> Variable:
        if not isinstance(value, Input):
            return value
        try:
            found = self._inputs.part(copy, value.name, value.path)
            if isinstance(found, InputValue):
                return Input(found.name, found.path)
            if isinstance(found, Secret):
                return found
            if isinstance(found, SYMBOLIC):
                message = f"{describe(found)}, cannot be the environment variable `{name}` of the workflow"
                raise ExprFault("E214", message, hint="give it a value that is known at launch")
            return as_text(found)
        except ExprFault as fault:
            self._inputs.refuse(value.name, fault)
        except Poisoned:
            pass
        return ""


def _folder(inner: Manifest, outer: Manifest) -> str:
    """The folder of an imported manifest, from that of the manifest that imports it."""
    return PurePath(relpath(inner.source.root.resolve(), outer.source.root.resolve())).as_posix()
