"""What stands for the outputs of a task that was skipped, or that failed and may: `when` and `on_error` at run time.

Whether an attempt is repeated is decided before (`runtime.machine.attempts`); what a manifest may say is the
compiler's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runtime.machine.outputs import slot_edges
from runtime.plan import Leaf, Ref, Task, map_refs, slot_name


@dataclass(frozen=True, slots=True)
class FailedTask:
    """Stands for each output of a failed task that has a handler: the error record, which the handler gets."""

    record: Mapping[str, object]


def skipped(task: Task) -> dict[str, object]:
    """The slots of a task that is skipped: each holds null."""
    return dict.fromkeys(slot_edges(task))


def substitutes(task: Task, record: str, value_of: Callable[[Leaf], object]) -> dict[str, object]:
    """The slots of a task that has failed for good, as its `on_error` says; `record` is the JSON error record."""
    slots = skipped(task)
    match task.on_error.action:
        case "continue":
            return {**slots, **dict.fromkeys(_outputs(task), json.loads(record))}
        case "task":
            return dict.fromkeys(slots, FailedTask(json.loads(record)))
        case "value":
            value = map_refs(task.on_error.value, value_of)
            if not task.outputs:
                return {task.name: value}
            assert isinstance(value, dict), "the compiler has seen that each output has its part"
            return {**slots, **{slot_name(task.name, output): value[output] for output in task.outputs}}
        case action:
            assert action == "skip", f"{task.name} has failed, and nothing stands for it"
            return slots


def _outputs(task: Task) -> list[str]:
    return [slot_name(task.name, output) for output in task.outputs] or [task.name]


def chosen(ref: Ref, value_along: Callable[[int], object]) -> object:
    """What a reference stands for: the value along the first of its edges whose task did not fail.

    A handler refers to the task that failed: for it that is the error record.
    """
    value: object = None
    for edge in ref.edges:
        value = value_along(edge)
        if not isinstance(value, FailedTask):
            return value
    assert isinstance(value, FailedTask), "a reference has an edge"
    return dict(value.record)
