"""Arguments to values with references, references to edges: what each instance is called with and waits for.

An in-edge is a distinct (producer, output) pair, in order of first appearance; a `Ref` in an argument counts along
them. What does not depend on the loop variables is evaluated once, and when nothing does, all instances share it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.graph.context import Context, Stopped
from compiler.graph.domains import Domain
from compiler.manifest.budget import MAX_VALUE_DEPTH
from compiler.manifest.faults import ExprFault, Poisoned
from compiler.manifest.symbols import (
    DynRef,
    InputValue,
    Item,
    Level,
    Predicate,
    SecretValue,
    TaskRef,
    describe,
)
from compiler.manifest.templates import TemplateFault, TreeTemplate
from compiler.suggest import did_you_mean
from runtime.plan import Input, Ref, Value

Edge = tuple[int, int]
EDGES_PER_INSTANCE = 25
"""The limit of edges is so many times the limit of instances."""

_PLAIN = (str, int, float, bool, type(None))
_NO_KWARGS: Mapping[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Bound:
    """One instance's arguments and in-edges."""

    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    in_edges: tuple[Edge, ...]


class Binder:
    """Turns evaluated values into `Value`s, counting the edges of one instance at a time."""

    def __init__(self, context: Context, instances: int, max_edges: int) -> None:
        self.context = context
        self._edges_left = max_edges
        self._max_edges = max_edges
        self._plain_edge: list[Edge] = [(instance, -1) for instance in range(instances)]
        self._refs: list[Ref] = []
        self._edges: dict[Edge, int] = {}

    def begin(self) -> None:
        self._edges = {}

    def edges(self) -> tuple[Edge, ...]:
        """The in-edges since `begin`. Raises Stopped."""
        self._edges_left -= len(self._edges)
        if self._edges_left < 0:
            self.context.report.error(
                "E312",
                f"the workflow has more than {self._max_edges:,} edges",
                self.context.manifest.tasks_span,
                hint="let an intermediate family gather the results, or allow more with --max-instances",
            )
            raise Stopped
        return tuple(self._edges)

    def precede(self, producer: int) -> None:
        """An edge without an argument, unless one of this producer is there already."""
        if self._plain_edge[producer] not in self._edges and not any(edge[0] == producer for edge in self._edges):
            self._edges[self._plain_edge[producer]] = len(self._edges)

    def value(self, value: object, depth: int = 0) -> Value:
        """The value with its references as `Ref`s, at any depth. Raises ExprFault."""
        kind = type(value)
        if kind is TaskRef:
            return self._reference(value)  # type: ignore[arg-type]
        if kind in _PLAIN:
            return value  # type: ignore[return-value]
        if depth > MAX_VALUE_DEPTH:
            raise ExprFault("E207", f"the value is nested deeper than {MAX_VALUE_DEPTH} levels")
        match value:
            case list() | range():
                self.context.budget.charge(len(value))
                return [self.value(item, depth + 1) for item in value]
            case dict():
                self.context.budget.charge(len(value))
                return {name: self.value(item, depth + 1) for name, item in value.items()}
            case Level():
                return [self.value(child, depth + 1) for child in value.children.values()]
            case DynRef():
                return self._reference(TaskRef(value.owner, 0))
            case Item():
                return self._item(value)
            case InputValue():
                return Input(value.name, value.path)
            case SecretValue():
                raise ExprFault("E215", f"the secret `{value.name}` cannot be an argument", hint="use it in `env:`")
            case _:
                raise AssertionError(f"no such value in the language: {kind.__name__}")

    def _item(self, item: Item) -> Value:
        source = item.source
        while isinstance(source, Item):
            source = source.source
        if isinstance(source, TaskRef):
            return self._reference(TaskRef(source.owner, source.local, source.output, (*source.path, *item.path)))
        if isinstance(source, DynRef):
            return self._reference(TaskRef(source.owner, 0, -1, item.path))
        return self.value(source)

    def _reference(self, ref: TaskRef) -> Value:
        owner = ref.owner
        assert isinstance(owner, Domain), "references point into domains"
        producer = owner.first + ref.local
        if ref.output < 0:
            if owner.outputs:
                return {name: self._reference(TaskRef(owner, ref.local, at)) for at, name in enumerate(owner.outputs)}
            edge = self._plain_edge[producer]
        else:
            edge = (producer, ref.output)
        at = self._edges.setdefault(edge, len(self._edges))
        if ref.path:
            return Ref(at, ref.path)
        while at >= len(self._refs):
            self._refs.append(Ref(len(self._refs)))
        return self._refs[at]


@dataclass(frozen=True, slots=True)
class _Argument:
    """One argument, compiled; `name` is None for a positional one."""

    name: str | None
    template: TreeTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What every instance of a family is called with, and after what."""

    domain: Domain
    arguments: list[_Argument]
    when: list[_Argument]
    before: list[Domain]


def bind_family(domain: Domain, binder: Binder) -> Iterator[Bound]:
    """The bound arguments of every instance of a family, in order. Wrong ones are reported and come out as null."""
    context = binder.context
    call = _Call(
        domain=domain,
        arguments=compile_arguments(domain, context),
        when=_when(domain, context),
        before=_predecessors(domain, context),
    )
    is_shared = not any(argument.template.slots for argument in (*call.arguments, *call.when))
    shared: Bound | None = None
    for local, frame in enumerate(domain.frames):
        if shared is None or not is_shared:
            shared = _bind(call, binder, list(frame), -1 if is_shared else local)
        else:
            binder.edges()
        yield shared


def compile_arguments(domain: Domain, context: Context) -> list[_Argument]:
    """The written arguments of a task, and of a command its words, its input and its folder."""
    variables = {name: slot for slot, name in enumerate(domain.variables)}
    return [_Argument(name, context.compile(node, variables)) for name, node in domain.task_source.arguments()]


def _when(domain: Domain, context: Context) -> list[_Argument]:
    """The run-time predicate, evaluated for the results that it reads."""
    node = domain.task_source.task.when
    if node is None:
        return []
    variables = {name: slot for slot, name in enumerate(domain.variables)}
    return [_Argument("when", context.compile(node, variables, is_run_time=True))]


def _predecessors(domain: Domain, context: Context) -> list[Domain]:
    """The families that `after` names. Reports E301, E303."""
    task = domain.task_source.task
    found: list[Domain] = []
    for name, span in task.after:
        if name == task.name:
            context.report.error("E303", f"`{name}` comes after itself", span, hint="remove it from `after`")
        elif name not in context.manifest.tasks:
            hint = did_you_mean(name, context.manifest.tasks)
            context.report.error("E301", f"there is no task `{name}`", span, hint=hint)
        else:
            symbol = context.symbols.get(name)
            if isinstance(symbol, (TaskRef, Level, DynRef)) and isinstance(symbol.owner, Domain):
                found.append(symbol.owner)
    return found


def _bind(call: _Call, binder: Binder, frame: list[object], local: int) -> Bound:
    binder.begin()
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for argument in call.arguments:
        value = _argument(call.domain, binder, argument.template, frame, local)
        if argument.name is None:
            args.append(value)
        else:
            kwargs[argument.name] = value
    for predicate in call.when:
        _argument(call.domain, binder, predicate.template, frame, local, is_predicate=True)
    for producer in call.before:
        for instance in range(producer.first, producer.first + len(producer.keys)):
            binder.precede(instance)
    return Bound(tuple(args), kwargs or _NO_KWARGS, binder.edges())


def _argument(
    domain: Domain,
    binder: Binder,
    template: TreeTemplate,
    frame: list[object],
    local: int,
    *,
    is_predicate: bool = False,
) -> Value:
    """One bound argument; null when it is wrong, which is reported."""
    try:
        value = template.evaluate(frame)
        if is_predicate:
            value = _predicate(value)
        return binder.value(value)
    except (TemplateFault, Poisoned):
        if local < 0:
            binder.context.blame(template.leaves, frame)
        else:
            where = domain.name_of(local), domain.bindings(local), domain.task_source.task.foreach
            binder.context.blame(template.leaves, frame, *where)
    except ExprFault as fault:
        binder.context.report.fault(binder.context.whole(template.node, fault))
    binder.context.stop_when_spent()
    return None


def _predicate(value: object) -> list[object]:
    """What a `when` reads: its value need only be one that can be true or false."""
    if isinstance(value, Predicate):
        return list(value.reads)
    if isinstance(value, (TaskRef, Item, DynRef, InputValue)):
        return [value]
    if isinstance(value, bool):
        return []
    raise ExprFault("E206", f"`when` needs a condition, and this is {describe(value)}")
