"""What a task says with everything that it stands on laid under it: `defaults`, a shared function, `extends`.

The nearer wins: the task, then what it extends, then the function it uses, then `defaults`.
Resources, retry, env, labels and cache merge key by key; every other option, and every list, is replaced whole.
`extends` hands down the body and everything but arguments, `foreach`, `where` and `fanout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from compiler.graph.callers import refuse_beside_workflow
from compiler.graph.report import Report
from compiler.manifest.model import Call, Exec, Manifest, TaskDef, Use, Workflow
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from compiler.suggest import did_you_mean

FILES = "files"
"""The argument that holds the evaluated `files` of a command, where they have expressions."""

_MERGED = frozenset({"resources", "retry", "env", "labels", "cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSource:
    """One task of the manifest, merged. `is_poisoned` when something that it stands on is not there or wrong."""

    task: TaskDef
    body: Call | Exec | Workflow
    options: Mapping[str, Node] = field(default_factory=dict)
    is_poisoned: bool = False

    def arguments(self) -> list[tuple[str | None, Node]]:
        """The written arguments, by name or by position; of a command its words, its input and its folder too.

        So are its files when they have expressions: no argument of the command, but values of each instance.
        """
        positional = list(self.task.args or ())
        named = dict(self.task.with_ or {})
        if isinstance(self.body, Exec):
            positional = [*self.body.argv, *positional]
            inputs = (("stdin", self.body.stdin), ("cwd", self.body.cwd))
            named.update({name: node for name, node in inputs if node is not None})
            if any("${{" in str(node.value) for node in self.body.files if isinstance(node, ScalarNode)):
                named[FILES] = SequenceNode(self.body.files, self.body.files[0].span)
        return [*((None, node) for node in positional), *named.items()]


def merge_tasks(manifest: Manifest, report: Report) -> dict[str, TaskSource]:
    """Every task that has a body, merged, in file order. Reports E105, E301, E302, E316."""
    merged: dict[str, TaskSource] = {}
    for name, extended in _extended(manifest, report).items():
        task, is_whole = extended
        body, shared, has_body = _body(manifest, task, report)
        if body is None:
            if not has_body:
                if task.extends and is_whole:
                    report.error("E105", f"the task `{name}` has no body", task.name_span, hint="add `call:`")
                continue
            body, is_whole = Exec(argv=(), span=task.name_span), False
        if isinstance(body, Workflow):
            is_whole &= manifest.linked.get(body.name) is not None
            is_whole &= not refuse_beside_workflow(task, report)
            options: Mapping[str, Node] = {}
        else:
            options = _layer(_layer(manifest.defaults, shared), task.options)
        merged[name] = TaskSource(task=task, body=body, options=options, is_poisoned=not is_whole)
    return merged


_Extended = dict[str, tuple[TaskDef, bool]]
"""By name, a task with the fields of those it extends, and whether all of them are there."""


def _extended(manifest: Manifest, report: Report) -> _Extended:
    """Every task on what it extends, nearest first; each is made once, however long the chains are."""
    made: _Extended = {}
    for name in manifest.tasks:
        for one in reversed(_chain(manifest, name, made, report)):
            task = manifest.tasks[one]
            if one not in made and task.extends is not None:
                base, is_whole = made[task.extends[0]]
                made[one] = _on(base, task), is_whole
    return {name: made[name] for name in manifest.tasks}


def _chain(manifest: Manifest, name: str, made: _Extended, report: Report) -> list[str]:
    """The tasks from `name` up to one that is made, which it is afterwards. Reports E301, E302."""
    chain: dict[str, None] = {}
    while name not in made:
        task = manifest.tasks[name]
        if name in chain:
            _refuse_circle(manifest, [*chain][[*chain].index(name) :], made, report)
            break
        chain[name] = None
        if task.extends is None:
            made[name] = task, True
        elif task.extends[0] not in manifest.tasks:
            base, span = task.extends
            hint = did_you_mean(base, manifest.tasks)
            report.error("E301", f"there is no task `{base}` to extend", span, hint=hint)
            made[name] = task, False
        else:
            name = task.extends[0]
    return list(chain)


def _refuse_circle(manifest: Manifest, circle: list[str], made: _Extended, report: Report) -> None:
    place = {name: at for at, name in enumerate(manifest.tasks)}
    at = circle.index(min(circle, key=place.__getitem__))
    names = [*circle[at:], *circle[:at], circle[at]]
    shown = " -> ".join([*names[:7], "…", names[-1]] if len(names) > 8 else names)
    report.error("E302", f"tasks extend one another: {shown}", manifest.tasks[names[0]].name_span)
    made.update({name: (manifest.tasks[name], False) for name in circle})


def _on(base: TaskDef, task: TaskDef) -> TaskDef:
    return replace(
        task,
        body=task.body or base.body,
        when=task.when or base.when,
        worker=task.worker or base.worker,
        after=task.after or base.after,
        outputs=task.outputs or base.outputs,
        options=_layer(base.options, task.options),
    )


def _body(
    manifest: Manifest, task: TaskDef, report: Report
) -> tuple[Call | Exec | Workflow | None, Mapping[str, Node], bool]:
    """What is called, the options of the shared function, and whether the task has a body at all."""
    match task.body:
        case Call() | Exec():
            return task.body, {}, True
        case Use(name=name, span=span):
            function = manifest.functions.get(name)
            if function is None:
                hint = did_you_mean(name, manifest.functions)
                report.error("E301", f"there is no function `{name}`", span, hint=hint)
                return None, {}, True
            if isinstance(function.body, Use):  # which the schema refuses
                return None, {}, True
            return _body(manifest, replace(task, body=function.body), report)[0], function.options, True
        case Workflow(name=name, span=span):
            if name not in manifest.imports:
                hint = did_you_mean(name, manifest.imports) or "declare it in `imports`"
                report.error("E316", f"there is no import `{name}`", span, hint=hint)
                return None, {}, True
            return task.body, {}, True
        case None:
            return None, {}, False


def _layer(under: Mapping[str, Node], over: Mapping[str, Node]) -> Mapping[str, Node]:
    if not under:
        return over
    merged = dict(under)
    for name, node in over.items():
        below = merged.get(name)
        if name in _MERGED and isinstance(node, MappingNode) and isinstance(below, MappingNode):
            merged[name] = _merge(below, node)
        else:
            merged[name] = node
    return merged


def _merge(under: MappingNode, over: MappingNode) -> MappingNode:
    named = {str(key.value): (key, value) for key, value in zip(under.keys, under.values, strict=True)}
    named.update({str(key.value): (key, value) for key, value in zip(over.keys, over.values, strict=True)})
    pairs = tuple(named.values())
    return MappingNode(tuple(key for key, _ in pairs), tuple(value for _, value in pairs), over.span)
