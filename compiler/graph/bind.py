"""Arguments to values with references, references to edges: what each instance is called with and waits for.

An in-edge is a distinct (producer, output) pair, in order of first appearance; a `Ref` in an argument counts along
them. What does not depend on the loop variables is evaluated once, and when nothing does, all instances share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from compiler.graph.context import Context, Ends
from compiler.graph.copies import Copies, Part
from compiler.graph.domains import Domain
from compiler.graph.report import Stopped
from compiler.graph.secrets import refuse_secret_inputs
from compiler.manifest.expressions.budget import MAX_VALUE_DEPTH
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.operators import subscript
from compiler.manifest.expressions.symbols import (
    DynRef,
    Given,
    Handling,
    InputValue,
    Item,
    Level,
    Predicate,
    SecretValue,
    TaskRef,
    describe,
)
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import Exec
from compiler.suggest import did_you_mean
from runtime.plan import Condition, Input, Ref, Secret, Value

Edge = tuple[int, int]
EDGES_PER_INSTANCE = 25
"""The limit of edges is so many times the limit of instances."""

IN_COMMAND = "part of a command line, which others can see", "use it in `env:`, or as `stdin`"
_PLAIN = (str, int, float, bool, type(None))
_NO_KWARGS: Mapping[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Bound:
    """One instance's arguments and in-edges, and on what condition it runs."""

    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    in_edges: tuple[Edge, ...]
    when: Value = True


class Binder:
    """Turns evaluated values into `Value`s, counting the edges of one instance at a time."""

    def __init__(self, context: Context, instances: int, max_edges: int) -> None:
        self.context = context
        self.instances = instances
        self._edges_left = max_edges
        self._max_edges = max_edges
        self._plain_edge: list[Edge] = [(instance, -1) for instance in range(instances)]
        self._refs: list[Ref] = []
        self._edges: dict[Edge, int] = {}
        self._given_values: dict[tuple[int, int, str], object] = {}

    def begin(self) -> None:
        self._edges = {}

    def count(self) -> int:
        """How many edges there are since `begin`."""
        return len(self._edges)

    def expect(self, edges: int, instances: int) -> None:
        """Refuse what every instance of a family brings before any of it is made. Raises Stopped."""
        if edges * instances > self._edges_left:
            self._refuse_edges()

    def edges(self) -> tuple[Edge, ...]:
        """The in-edges since `begin`. Raises Stopped."""
        self.charge_edges(len(self._edges))
        return tuple(self._edges)

    def edge(self, edge: Edge, path: tuple[str | int, ...] = (), handlers: tuple[Edge, ...] = ()) -> Ref:
        """A reference along an edge, which is counted among those since `begin`, as are those from its handlers."""
        at = self._edges.setdefault(edge, len(self._edges))
        if path or handlers:
            return Ref(at, path, tuple([self._edges.setdefault(one, len(self._edges)) for one in handlers]))
        while at >= len(self._refs):
            self._refs.append(Ref(len(self._refs)))
        return self._refs[at]

    def charge_edges(self, count: int) -> None:
        """Take edges that were not counted here from the account. Raises Stopped."""
        self._edges_left -= count
        if self._edges_left < 0:
            self._refuse_edges()

    def precede(self, producers: Iterable[int]) -> None:
        """An edge without an argument from each of them that has no edge yet."""
        known = {producer for producer, _ in self._edges}
        for producer in producers:
            if producer not in known:
                known.add(producer)
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
                return self._run_time_family(value, ())
            case Given():
                return self._given(value, depth)
            case Item():
                return self._item(value)
            case InputValue():
                return Input(value.name, value.path)
            case Predicate(operator=operator, operands=operands):
                return Condition(operator, tuple([self.value(item, depth + 1) for item in operands]))
            case Secret():
                return value
            case SecretValue():
                raise ExprFault("E215", f"the secret `{value.name}` cannot be an argument", hint="use it in `env:`")
            case _:
                raise AssertionError(f"no such value in the language: {kind.__name__}")

    def _refuse_edges(self) -> NoReturn:
        self.context.report.error(
            "E312",
            f"the workflow has more than {self._max_edges:,} edges",
            self.context.manifest.tasks_span,
            hint="let an intermediate family gather the results, or allow more with --max-instances",
        )
        raise Stopped

    def _item(self, item: Item) -> Value:
        source = item.source
        while isinstance(source, Item):
            source = source.source
        if isinstance(source, TaskRef):
            return self._reference(TaskRef(source.owner, source.local, source.output, (*source.path, *item.path)))
        if isinstance(source, DynRef):
            return self._run_time_family(source, item.path)
        return self.value(select_path(source, item.path))

    def _run_time_family(self, family: DynRef, path: tuple[str | int, ...]) -> Value:
        """A family of run-time width stands as one symbolic instance."""
        owner = family.owner
        if isinstance(owner, Domain) and owner.copies is not None:
            return self.value(select_path(owner.copies.results[0], path))
        return self._reference(TaskRef(owner, 0, -1, path))

    def _given(self, given: Given, depth: int) -> Value:
        """What a task gives to an input that its workflow hands back, through as many of them as there are."""
        value: object = given
        seen: set[tuple[int, int, str]] = set()
        whole: list[tuple[int, int, str]] = []
        while isinstance(value, Given):
            assert isinstance(value.caller, Copies), "inputs are given to copies"
            key = id(value.caller), value.copy, value.name
            if key in seen:
                message = f"the input `{value.name}` of `{value.caller.task}` is what `{value.caller.task}` hands back"
                raise ExprFault("E303", message, hint="give it the result of another task")
            seen.add(key)
            if not value.path:
                whole.append(key)
            if key not in self._given_values:
                self._given_values[key] = value.caller.given(value.copy, value.name)
            value = select_path(self._given_values[key], value.path)
        self._given_values.update(dict.fromkeys(whole, value))
        return self.value(value, depth)

    def _reference(self, ref: TaskRef) -> Value:
        owner = ref.owner
        assert isinstance(owner, (Domain, Part)), "references point into families of the graph"
        producer = owner.first + ref.local
        if ref.output < 0:
            if owner.outputs:
                return {name: self._reference(TaskRef(owner, ref.local, at)) for at, name in enumerate(owner.outputs)}
            edge = self._plain_edge[producer]
        else:
            edge = (producer, ref.output)
        handlers: list[Edge] = []
        handler = owner.handler
        while handler is not None:
            handlers.append((handler.first + ref.local, ref.output))
            handler = handler.handler
        return self.edge(edge, ref.path, tuple(handlers))


def select_path(value: object, path: tuple[str | int, ...]) -> object:
    """A part of a value. Raises ExprFault when it shows already that there is none."""
    for key in path:
        value = subscript(value, key)
    return value


@dataclass(frozen=True, slots=True)
class _Argument:
    """One argument, compiled; `name` is None for a positional one."""

    name: str | None
    template: TreeTemplate


class Waits:
    """What the instances of a task wait for without being called with it: what `when` reads, and `after`."""

    def __init__(self, domain: Domain, binder: Binder) -> None:
        self._domain = domain
        self._binder = binder
        self.when = _when(domain, binder.context)
        self._before = [end for producer in _predecessors(domain, binder.context) for end in producer.ends()]

    def __bool__(self) -> bool:
        return bool(self.when or self._before)

    def condition(self, frame: list[object], local: int) -> Value:
        """On what an instance runs, its edges counted after those of the arguments."""
        condition: Value = True
        for predicate in self.when:
            condition = _argument(self._domain, self._binder, predicate.template, frame, local, is_predicate=True)
        return condition

    def add_before(self) -> None:
        """Count the edges of `after`."""
        self._binder.precede(self._before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What every instance of a family is called with, and after what."""

    domain: Domain
    arguments: list[_Argument]
    waits: Waits


def bind_family(domain: Domain, binder: Binder) -> Iterator[Bound]:
    """The bound arguments of every instance of a family, in order. Wrong ones are reported and come out as null."""
    context = binder.context
    call = _Call(
        domain=domain,
        arguments=compile_arguments(domain, context),
        waits=Waits(domain, binder),
    )
    is_shared = domain.guards is None and not any(
        argument.template.slots for argument in (*call.arguments, *call.waits.when)
    )
    if not is_shared and len(domain.keys) > 1:
        binder.expect(_common_edges(call, binder), len(domain.keys))
    shared: Bound | None = None
    for local, frame in enumerate(domain.frames):
        if shared is None or not is_shared:
            shared = _bind(call, binder, list(frame), -1 if is_shared else local)
        else:
            binder.edges()
        yield shared


def _common_edges(call: _Call, binder: Binder) -> int:
    """How many edges every instance has, whatever its loop variables: those of the arguments without any.

    What is wrong with those is reported for the first instance.
    """
    binder.begin()
    for argument in call.arguments:
        if not argument.template.slots and not argument.template.is_constant:
            with suppress(TemplateFault, Poisoned, ExprFault):
                binder.value(argument.template.evaluate([]))
    call.waits.add_before()
    return binder.count()


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


def _predecessors(domain: Domain, context: Context) -> list[Ends]:
    """The families that `after` names. Reports E301, E303."""
    task = domain.task_source.task
    found: list[Ends] = []
    for name, span in task.after:
        if isinstance(handling := context.symbols.get(name), Handling):
            message = f"`{name}` handles failures of `{handling.task}`, and does not run in its own right"
            context.report.error("E315", message, span, hint=f"write `after: [{handling.task}]`")
        elif name == task.name:
            context.report.error("E303", f"`{name}` comes after itself", span, hint="remove it from `after`")
        elif name not in context.manifest.tasks:
            hint = did_you_mean(name, context.manifest.tasks)
            context.report.error("E301", f"there is no task `{name}`", span, hint=hint)
        else:
            found.extend([context.families[name]] if name in context.families else [])
    return found


def _bind(call: _Call, binder: Binder, frame: list[object], local: int) -> Bound:
    binder.begin()
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    is_command = isinstance(call.domain.task_source.body, Exec)
    if call.domain.guards is not None:
        record = binder.edge((call.domain.guards.first + local, -1))
        if is_command:
            kwargs["stdin"] = record
        else:
            args.append(record)
    for argument in call.arguments:
        is_shown = is_command and argument.name != "stdin"
        value = _argument(call.domain, binder, argument.template, frame, local, is_shown=is_shown)
        if argument.name is None:
            args.append(value)
        else:
            kwargs[argument.name] = value
    when = call.waits.condition(frame, local)
    call.waits.add_before()
    return Bound(tuple(args), kwargs or _NO_KWARGS, binder.edges(), when)


def _argument(
    domain: Domain,
    binder: Binder,
    template: TreeTemplate,
    frame: list[object],
    local: int,
    *,
    is_predicate: bool = False,
    is_shown: bool = False,
) -> Value:
    """One bound argument; null when it is wrong, which is reported. `is_shown`: it stands in a command line."""
    try:
        value = template.evaluate(frame)
        if is_predicate:
            _check_predicate(value)
            return refuse_secret_inputs(binder.value(value), binder.context, "part of a condition", "decide in a task")
        bound = binder.value(value)
        return refuse_secret_inputs(bound, binder.context, *IN_COMMAND) if is_shown else bound
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


def _check_predicate(value: object) -> None:
    """The value of a `when` need only be one that can be true or false. Raises E206."""
    if not isinstance(value, (Predicate, TaskRef, Item, DynRef, InputValue, bool)):
        raise ExprFault("E206", f"`when` needs a condition, and this is {describe(value)}")


def both(first: Value, second: Value) -> Value:
    """The condition that both hold; the second is looked at when the first does."""
    if first is True or second is False:
        return second
    return first if second is True or first is False else Condition("and", (first, second))
