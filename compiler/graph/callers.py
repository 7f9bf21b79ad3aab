"""What may stand in a task that inlines a workflow: its imported manifest says everything else itself.

`defaults` do not reach it, silently, as they are nobody's in particular; what is written for this very task is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Span
from compiler.graph.report import Report
from compiler.manifest.model import TaskDef

_ALLOWED = frozenset({"description", "labels"})
_OWN = "state it in the imported manifest, for the tasks that it concerns"


def refuse_beside_workflow(task: TaskDef, report: Report) -> bool:
    """Report (E105) whatever has no meaning beside `workflow`; whether there is anything."""
    found = [*_fields(task), *_options(task)]
    for name, span, hint in found:
        report.error("E105", f"`{name}` has no meaning beside `workflow`", span, hint=hint)
    return bool(found)


def _fields(task: TaskDef) -> Iterator[tuple[str, Span, str]]:
    places = task.option_spans
    if task.args is not None:
        yield "args", places.get("args", task.name_span), "give its params and inputs by name, in `with`"
    if task.worker is not None:
        yield "worker", places.get("worker", task.worker.span), _OWN
    if task.outputs:
        yield "outputs", places.get("outputs", task.name_span), "write `outputs:` in the imported manifest"


def _options(task: TaskDef) -> Iterator[tuple[str, Span, str]]:
    """The options of the task and of what it extends."""
    for name, node in task.options.items():
        if name not in _ALLOWED:
            yield name, task.option_spans.get(name, node.span), _OWN
