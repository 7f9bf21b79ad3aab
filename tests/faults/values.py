"""What the tasks of the fault driver return: digests of their names and of what they were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from runtime.plan import Leaf, Task, map_refs
from runtime.tasks.remedies import FailedTask, skipped
from tests.faults.policies import failure_of, is_skipped, stand_ins, value_of

NONCE_MARK = "/"
PADDING = "."


def plain(value: object) -> object:
    """A value without its padding, and without what differs between two executions: of a failure the task remains."""
    match value:
        case str():
            return value.partition(NONCE_MARK)[0].rstrip(PADDING)
        case FailedTask(record) | ({"task": _} as record):
            return f"failure of {record['task']}"
        case _:
            return value


def output_digests(task: Task, inputs: Mapping[str, object]) -> dict[str, str | None]:
    """The slots of a task; one that only says that it is done holds None."""

    def read(leaf: Leaf) -> object:
        return plain(value_of(task, leaf, inputs))

    text = repr((task.name, [map_refs(arg, read) for arg in task.args]))
    if not task.outputs:
        return {task.name: sha256(text.encode()).hexdigest()[:16]}
    found: dict[str, str | None] = {
        f"{task.name}.{output}": sha256(f"{output} {text}".encode()).hexdigest()[:16] for output in task.outputs
    }
    return {**found, task.name: None}


def dressed(task: Task, digests: Mapping[str, str | None], padded: int, nonce: str) -> dict[str, object]:
    """The values of an execution: every third task's are longer by `padded`; with a nonce no two are equal."""
    padding = PADDING * padded if sha256(task.name.encode()).digest()[0] % 3 == 0 else ""
    mark = NONCE_MARK + nonce if nonce else ""
    return {slot: None if digest is None else digest + padding + mark for slot, digest in digests.items()}


def sequential(
    records: Mapping[str, Task], order: Iterable[str], targets: Iterable[str], broken: frozenset[str]
) -> dict[str, object]:
    """The targets' values, plain, computed one task after another; `broken` ones fail and may."""
    values: dict[str, object] = {}
    for name in order:
        task = records[name]
        if is_skipped(task, values):
            values.update(skipped(task))
        elif name in broken:
            values.update(stand_ins(task, failure_of(task, "", 1, "")))
        else:
            values.update(output_digests(task, values))
    return {slot: plain(values[slot]) for slot in targets}
