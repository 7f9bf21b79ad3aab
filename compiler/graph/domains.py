"""The instances of each family: `foreach` evaluated to keys, loop variables and the tree of references.

A family is expanded entry by entry, breadth first, so that nothing recurses over instances. A later entry sees
the variables of earlier ones. Keys are settled as the contracts say: the value itself when every element is a
str, an int or a bool of one type, else the position; an entry with two variables is positional, over a dict its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.graph.context import Context
from compiler.graph.copies import Copies
from compiler.graph.merge import TaskSource
from compiler.manifest.expressions.faults import Poisoned
from compiler.manifest.expressions.symbols import (
    SYMBOLIC,
    DynRef,
    Item,
    Level,
    SecretValue,
    TaskRef,
    describe,
    show,
)
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import ForeachEntry
from compiler.manifest.phrases import expression_hint
from compiler.manifest.tree import MappingNode, SequenceNode
from runtime.plan import Key, instance_name


class Domain:
    """A family: its instances in iteration order. `frames[n]` are the loop variables' values, `keys[n]` the key path.

    `first` is the number of its first instance in the graph, settled when all domains are known. A run-time
    family has one symbolic instance with no keys. `symbol` is what `tasks.NAME` stands for. The instances of a task
    that inlines a workflow are `copies` of it: it has none of its own in the graph. `handler` has an instance for each
    of these, which takes over when that failed; such a family `guards` this one.
    """

    __slots__ = (
        *("copies", "first", "frames", "guards", "handler", "is_dynamic", "keys", "symbol", "task_source", "variables"),
    )

    def __init__(self, task_source: TaskSource) -> None:
        self.task_source = task_source
        self.variables = tuple(name for entry in task_source.task.foreach for name in entry.variables)
        self.keys: list[tuple[Key, ...]] = []
        self.frames: list[tuple[object, ...]] = []
        self.is_dynamic = False
        self.first = -1
        self.symbol: object = None
        self.copies: Copies | None = None
        self.guards: Domain | None = None
        self.handler: Domain | None = None

    @property
    def task(self) -> str:
        return self.task_source.task.name

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.task_source.task.outputs

    @property
    def rank(self) -> int:
        return len(self.task_source.task.foreach)

    def __len__(self) -> int:
        """How many instances of the graph it is."""
        return len(self.keys) if self.copies is None else len(self.copies)

    def number(self, first: int) -> None:
        """Settle the numbers of its instances in the graph, from `first` on."""
        self.first = first
        for part in self.copies.parts.values() if self.copies is not None else ():
            part.first = first
            first += part.count

    def ends(self) -> Iterable[int]:
        """The instances that are done when all of it is done."""
        if self.handler is not None:
            return self.handler.ends()
        return range(self.first, self.first + len(self.keys)) if self.copies is None else self.copies.sinks()

    def handlers(self) -> Iterator[Domain]:
        """The families that take over when an instance failed, one after another."""
        handler = self.handler
        while handler is not None:
            yield handler
            handler = handler.handler

    def entry_span(self, depth: int) -> Span | None:
        entries = self.task_source.task.foreach
        return entries[depth].key_span if depth < len(entries) else None

    def name_of(self, local: int) -> str:
        return instance_name(self.task, self.keys[local])

    def bindings(self, local: int) -> dict[str, object]:
        return dict(zip(self.variables, self.frames[local], strict=True))


@dataclass(slots=True)
class _Row:
    """A place in the growing tree: the variables and keys so far, and where its children go."""

    frame: tuple[object, ...]
    keys: tuple[Key, ...]
    children: dict[Key, object]


@dataclass(frozen=True, slots=True)
class _Elements:
    """An evaluated iterable: keys and, in parallel, the values of the entry's variables."""

    keys: Sequence[Key]
    values: Sequence[tuple[object, ...]]
    is_dynamic: bool = False


class _Refused(Exception):
    """The family cannot be expanded; its diagnostic is reported already."""


def expand_domain(task_source: TaskSource, context: Context, limit: int) -> Domain:
    """The instances of one task, at most `limit`. Raises Poisoned after reporting why there are none."""
    domain = Domain(task_source)
    if not domain.rank:
        domain.keys, domain.frames = [()], [()]
        domain.symbol = TaskRef(domain, 0)
        return domain
    try:
        _expand(domain, context, limit)
    except _Refused as err:
        raise Poisoned from err
    return domain


def _expand(domain: Domain, context: Context, limit: int) -> None:
    task = domain.task_source.task
    root: dict[Key, object] = {}
    rows = [_Row((), (), root)]
    tables: list[tuple[tuple[Key, ...], dict[Key, object]]] = [((), root)]
    variables: dict[str, int] = {}
    for depth, entry in enumerate(task.foreach):
        template = context.compile(entry.iterable, variables)
        if any(leaf.faults for leaf in template.leaves):
            raise _Refused
        for name in entry.variables:
            variables[name] = len(variables)
        rows = _grow(domain, context, entry, template, rows, limit=limit)
        if depth + 1 < domain.rank:
            tables.extend((row.keys, row.children) for row in rows)
    if task.where is not None:
        kept = _filter(domain, context, rows, variables)
        rows = rows if domain.is_dynamic else kept
    if domain.is_dynamic:
        domain.keys, domain.frames = [()], [rows[0].frame if rows else (None,) * len(variables)]
        domain.symbol = DynRef(domain)
        return
    _settle(domain, rows, tables)


def _grow(
    domain: Domain, context: Context, entry: ForeachEntry, template: TreeTemplate, rows: list[_Row], *, limit: int
) -> list[_Row]:
    """Every row continued by the elements of one entry."""
    is_shared = not template.slots
    shared = _elements(domain, context, entry, template, rows[0]) if is_shared and rows else None
    grown: list[_Row] = []
    for row in rows:
        elements = shared if shared is not None else _elements(domain, context, entry, template, row)
        if elements.is_dynamic and not domain.is_dynamic:
            domain.is_dynamic = True
            _check_bound(domain, context, entry)
        if len(grown) + len(elements.keys) > limit:
            _refuse_size(domain, context, entry, limit)
        grown.extend(
            _Row((*row.frame, *values), (*row.keys, key), {})
            for key, values in zip(elements.keys, elements.values, strict=True)
        )
        if domain.is_dynamic and grown:
            return grown[:1]
    return grown


def _refuse_size(domain: Domain, context: Context, entry: ForeachEntry, limit: int) -> None:
    context.report.error(
        "E312",
        f"`{domain.task}` brings the workflow above {context.max_instances:,} instances",
        entry.iterable.span,
        hint="allow more with --max-instances, or give each instance more work",
    )
    raise _Refused


def _elements(domain: Domain, context: Context, entry: ForeachEntry, template: TreeTemplate, row: _Row) -> _Elements:
    value = _evaluate(domain, context, template, row)
    span = entry.iterable.span
    if isinstance(value, (TaskRef, DynRef, Item)):
        return _dynamic(value, entry)
    node = entry.iterable
    is_literal_empty = isinstance(node, SequenceNode | MappingNode) and not value
    if is_literal_empty:
        context.report.error("E310", "`foreach` over nothing: the task has no instance", span, hint="list at least one")
        raise _Refused
    if isinstance(value, dict):
        if len(entry.variables) == 2:
            return _Elements(list(value), list(value.items()))
        return _keyed(domain, context, entry, list(value))
    if isinstance(value, Level):
        value = value.items()
    if not isinstance(value, (list, range)):
        return _not_iterable(context, entry, value)
    context.budget.charge(len(value))
    if len(entry.variables) == 2:
        return _pairs(context, entry, value, row)
    return _keyed(domain, context, entry, value)


def _evaluate(domain: Domain, context: Context, template: TreeTemplate, row: _Row) -> object:
    try:
        return template.evaluate(list(row.frame))
    except TemplateFault as fault:
        context.explain(fault)
        context.report.fault(fault, *_where(domain, row))
    except Poisoned:
        pass
    raise _Refused


def _where(domain: Domain, row: _Row) -> tuple[str, dict[str, object]]:
    return (
        instance_name(domain.task, row.keys) if row.keys else "",
        dict(zip(domain.variables, row.frame, strict=False)),
    )


def _dynamic(value: TaskRef | DynRef | Item, entry: ForeachEntry) -> _Elements:
    return _Elements((0,), ((Item(value),) * len(entry.variables),), True)


_ITERABLES = ("give a list or a dict", "give a list or a dict, such as range(n)")


def _not_iterable(context: Context, entry: ForeachEntry, value: object) -> _Elements:
    if isinstance(value, SYMBOLIC):
        code = "E215" if isinstance(value, SecretValue) else "E214"
        message = f"{describe(value)}, cannot shape the graph"
        context.report.error(code, message, entry.iterable.span, hint="make it a parameter")
    else:
        context.report.error(
            "E311",
            f"`foreach` cannot iterate over {describe(value)}",
            entry.iterable.span,
            label=f"this is {show(value)}",
            hint=expression_hint(entry.iterable) or _ITERABLES[isinstance(value, int)],
        )
    raise _Refused


def _pairs(context: Context, entry: ForeachEntry, value: Sequence[object], row: _Row) -> _Elements:
    pairs: list[tuple[object, ...]] = []
    for element in value:
        items = element.items() if isinstance(element, Level) else element
        if not isinstance(items, (list, range)) or len(items) != 2:
            names = ", ".join(entry.variables)
            context.report.error(
                "E206",
                f"`{names}` needs pairs, and an element here is {describe(element)}",
                entry.iterable.span,
                hint="iterate over enumerate(…), zip(…, …) or a dict",
            )
            raise _Refused
        pairs.append(tuple(items))
    return _Elements(range(len(pairs)), pairs)


def _keyed(domain: Domain, context: Context, entry: ForeachEntry, value: Sequence[object]) -> _Elements:
    values = [(element,) for element in value]
    kinds = {int} if isinstance(value, range) else {type(element) for element in value}
    if len(kinds) != 1 or not kinds <= {str, int, bool}:
        return _Elements(range(len(values)), values)
    keys: list[Key] = list(value)  # type: ignore[arg-type]
    if len(set(keys)) < len(keys):
        _refuse_duplicate(domain, context, entry, keys)
    return _Elements(keys, values)


def _refuse_duplicate(domain: Domain, context: Context, entry: ForeachEntry, keys: list[Key]) -> None:
    first: dict[Key, int] = {}
    for at, key in enumerate(keys):
        if key in first:
            break
        first[key] = at
    node = entry.iterable
    span = node.span
    related: tuple[Related, ...] = ()
    if isinstance(node, SequenceNode) and len(node.items) == len(keys):
        span = node.items[at].span
        related = (Related(span=node.items[first[key]].span, message="the first one is here"),)
    context.report.add(
        Diagnostic(
            code="E309",
            message=f"{show(key)} occurs twice: `{domain.task}` would have two instances of one name",
            span=span,
            related=related,
            hint="make the elements distinct, or iterate over enumerate(…) to number them",
        )
    )
    raise _Refused


def _check_bound(domain: Domain, context: Context, entry: ForeachEntry) -> None:
    """A run-time family needs `fanout` (that it says `max` is a matter of the schema)."""
    task = domain.task_source.task
    if task.fanout is None:
        span = entry.iterable.span
        context.report.error(
            "E313",
            f"the width of `{task.name}` is known only at run time, and nothing bounds it",
            span,
            hint="add `fanout: {max: N}` to the task",
        )


def _filter(domain: Domain, context: Context, rows: list[_Row], variables: dict[str, int]) -> list[_Row]:
    where = domain.task_source.task.where
    assert where is not None, "called with a `where`"
    template = context.compile(where, variables)
    if any(leaf.faults for leaf in template.leaves):
        raise _Refused
    kept: list[_Row] = []
    failed = False
    for row in rows:
        try:
            value = _evaluate(domain, context, template, row)
        except _Refused:
            failed = True
            context.stop_when_spent()
            continue
        if not isinstance(value, bool):
            symbolic = isinstance(value, SYMBOLIC)
            message = (
                f"{describe(value)}, cannot choose instances"
                if symbolic
                else f"`where` needs a bool, and this is {describe(value)}"
            )
            hint = expression_hint(where)
            context.report.error("E214" if symbolic else "E206", message, where.span, hint=hint)
            raise _Refused
        if value:
            kept.append(row)
    if failed:
        raise _Refused
    return kept


def _settle(domain: Domain, rows: list[_Row], tables: list[tuple[tuple[Key, ...], dict[Key, object]]]) -> None:
    """Number the instances and hang them, and the rows above them, into the tree of references."""
    by_prefix = dict(tables)
    for local, row in enumerate(rows):
        domain.keys.append(row.keys)
        domain.frames.append(row.frame)
        by_prefix[row.keys[:-1]][row.keys[-1]] = TaskRef(domain, local)
    for prefix, children in sorted(tables, key=lambda table: -len(table[0])):
        level = Level(domain, prefix, children)
        if prefix:
            by_prefix[prefix[:-1]][prefix[-1]] = level
        else:
            domain.symbol = level
