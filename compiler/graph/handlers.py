"""Tasks that handle the failures of others: which they are, and the families that they become.

A task that some `on_error: {task: …}` names never runs in its own right. For each task that it guards it becomes a
family of its own, `guarded/handler`, with the instances, the loop variables and the outputs of the guarded task; an
instance gets the error record as its first argument (a command as its standard input), and runs only when the instance
that it belongs to has failed. Its own failures may have a handler, too: the chain of a task is `a`, `a/h`, `a/h/g`.

    a[3] ──> a/h[3]        whoever takes `tasks.a[3]` waits for both, and takes the first that did not fail

So everything that holds for tasks holds for handlers: retries, resources, pins, pages. The price is that a handler's
own references are waited for even when nothing fails. How a reference becomes edges is `compiler.graph.bind`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from compiler.diagnostics import Span
from compiler.graph.context import Context
from compiler.graph.domains import Domain
from compiler.graph.merge import TaskSource
from compiler.graph.model import SEPARATOR, Family
from compiler.graph.report import Report
from compiler.manifest.expressions.faults import Poisoned
from compiler.manifest.expressions.symbols import Handling, describe
from compiler.manifest.model import ErrorPolicy, Exec, Workflow
from compiler.manifest.tree import MappingNode, Node, ScalarNode
from compiler.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Handlers:
    """`by_task`: the handler of each task that has one, and where it is named."""

    by_task: Mapping[str, tuple[str, Span]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.by_task.values())

    def chain(self, task: str) -> Iterator[tuple[str, Span]]:
        """The handler of a task, that handler's own, and so on."""
        while (found := self.by_task.get(task)) is not None:
            yield found
            task = found[0]


def named_handler(source: TaskSource) -> ScalarNode | None:
    """Where a task names its handler."""
    node = source.options.get("on_error")
    name = node.get("task") if isinstance(node, MappingNode) else None
    return name if isinstance(name, ScalarNode) and isinstance(name.value, str) else None


def handler_names(sources: Mapping[str, TaskSource]) -> frozenset[str]:
    """The tasks that others name as their handlers, sound or not."""
    named = {name: node.value for name, source in sources.items() if (node := named_handler(source)) is not None}
    return frozenset(str(handler) for name, handler in named.items() if handler != name)


def find_handlers(context: Context, sources: Mapping[str, TaskSource]) -> Handlers:
    """The sound handlers, whose names stand for nothing that could be referred to. Reports E103, E105, E301 to E303."""
    found: dict[str, tuple[str, Span]] = {}
    for name, source in sources.items():
        node = named_handler(source)
        if node is not None and _is_handler(name, node, context, sources):
            found[name] = str(node.value), node.span
    _refuse_circles(found, context)
    handlers = Handlers(found)
    for guarded, (name, span) in found.items():
        context.symbols[name] = Handling(guarded)
        _check(sources[guarded], sources[name], span, context.report)
    return handlers


def _is_handler(name: str, node: ScalarNode, context: Context, sources: Mapping[str, TaskSource]) -> bool:
    """Whether `node`, in the options of the task `name`, names a task that can be a handler.

    A task that only inherits an `on_error` that names it fails as if it said nothing.
    """
    manifest, handler = context.manifest, str(node.value)
    if handler not in manifest.tasks:
        hint = did_you_mean(handler, manifest.tasks)
        context.report.error("E301", f"there is no task `{handler}`", node.span, hint=hint)
    elif handler == name:
        if manifest.tasks[name].options.get("on_error") is sources[name].options["on_error"]:
            message, hint = f"`{handler}` would handle its own failure", "name another task, or a `value`"
            context.report.error("E303", message, node.span, hint=hint)
    elif handler in sources and isinstance(sources[handler].body, Workflow):
        hint = "name a task with `call` or `exec`"
        context.report.error("E103", f"`{handler}` inlines a workflow, and a handler is one task", node.span, hint=hint)
    else:
        return handler in sources
    return False


def _refuse_circles(found: dict[str, tuple[str, Span]], context: Context) -> None:
    """Report handlers that hand their failures to one another, and forget them."""
    for name in list(found):
        circle: list[str] = []
        at: str | None = name
        while at is not None and at not in circle:
            circle.append(at)
            at = found[at][0] if at in found else None
        if at == name:
            first = next(task for task in context.manifest.tasks if task in circle)
            shown = " -> ".join([*circle, name][:8])
            message = f"tasks hand their failures to one another: {shown}"
            span = context.manifest.tasks[first].name_span
            context.report.error("E302", message, span, hint="let one of them fail, or give a `value`")
            for task in circle:
                del found[task]


def _check(guarded: TaskSource, handler: TaskSource, span: Span, report: Report) -> None:
    """What a handler cannot have, and outputs that do not fit."""
    task, name = handler.task, handler.task.name
    if task.foreach or task.fanout is not None:
        key = "foreach" if task.foreach else "fanout"
        place = (task.foreach[0].key_span if task.foreach else None) or task.name_span
        message = f"`{name}` handles failures of `{guarded.task.name}`, and runs once for each instance that failed"
        hint = f"remove `{key}`; the loop variables of `{guarded.task.name}` may be used"
        report.error("E105", message, task.foreach_span or place, hint=hint)
    wanted = guarded.task.outputs
    if wanted and task.outputs and set(task.outputs) != set(wanted):
        message = f"`{name}` gives {_listed(task.outputs)}, and `{guarded.task.name}` is to give {_listed(wanted)}"
        report.error("E103", message, span, hint="give both tasks the same `outputs`")
    elif wanted and isinstance(handler.body, Exec) and handler.body.stdout != "json":
        message = f"`{guarded.task.name}` has several outputs, and the command of `{name}` gives one text"
        report.error("E105", message, span, hint="write `stdout: json`; the command prints an object with these keys")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def handler_domains(domain: Domain, handlers: Handlers, sources: Mapping[str, TaskSource]) -> list[Domain]:
    """The families that handle the failures of a family, one after another, each hung onto the one before."""
    found: list[Domain] = []
    for name, _ in handlers.chain(domain.task):
        guarded = found[-1] if found else domain
        own = sources[name].task
        task = replace(
            own,
            name=f"{guarded.task}{SEPARATOR}{name}",
            foreach=domain.task_source.task.foreach,
            where=None,
            outputs=domain.outputs,
        )
        handler = Domain(replace(sources[name], task=task))
        handler.keys, handler.frames, handler.is_dynamic = domain.keys, domain.frames, domain.is_dynamic
        guarded.handler, handler.guards = handler, guarded
        found.append(handler)
    return found


def refuse_handlers(domain: Domain, handlers: Handlers, context: Context) -> NoReturn:
    """Report (E312) that a family has too many instances when its handlers are counted, too. Raises Poisoned."""
    name, span = next(handlers.chain(domain.task))
    message = f"`{name}` for `{domain.task}` brings the workflow above {context.max_instances:,} instances"
    context.report.error("E312", message, span, hint="allow more with --max-instances, or give a `value`")
    raise Poisoned


def with_guarded(families: Sequence[Family], targets: tuple[int, ...]) -> tuple[int, ...]:
    """The targets, and with each handler among them what it guards: whose value counts shows only in the end."""
    by_name = {family.task: family for family in families}
    found = set(targets)
    for family in reversed(families):
        if family.handles:
            guarded = by_name[family.handles]
            found.update(
                guarded.first + at for at in range(min(family.count, guarded.count)) if family.first + at in found
            )
    return targets if len(found) == len(targets) else tuple(sorted(found))


def check_spread(domain: Domain, node: Node, policies: Iterable[ErrorPolicy], report: Report) -> None:
    """What stands for a task with several outputs has a part for each of them. Reports E101, E103, E315."""
    place = (node.get("value") if isinstance(node, MappingNode) else None) or node
    wanted = domain.outputs
    for policy in policies:
        value = json.loads(policy.value) if policy.action == "value" else dict.fromkeys(wanted)
        if not isinstance(value, dict):
            message = f"the value stands for {_listed(wanted)} of `{domain.task}`, and this is {describe(value)}"
            report.error("E103", message, place.span, hint="give a mapping with a value for each of them")
            continue
        keys = {str(key.value): key.span for key in place.keys} if isinstance(place, MappingNode) else {}
        for name in value.keys() - set(wanted):
            message = f"`{domain.task}` has no output `{name}`"
            report.error("E315", message, keys.get(name, place.span), hint=f"its outputs are {_listed(wanted)}")
        if missing := [name for name in wanted if name not in value]:
            report.error("E101", f"the value has nothing for the output {_listed(tuple(missing))}", place.span)
