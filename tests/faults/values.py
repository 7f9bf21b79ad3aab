"""What the tasks of the fault driver return: digests of their names and of what they were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from runtime.plan import Ref, Task, map_refs

NONCE_MARK = "/"
PADDING = "."


def plain(value: object) -> object:
    """A value without its padding, and without what differs between two executions."""
    return value.partition(NONCE_MARK)[0].rstrip(PADDING) if isinstance(value, str) else value


def output_digests(task: Task, inputs: Mapping[str, object]) -> dict[str, str | None]:
    """The slots of a task; one that only says that it is done holds None."""

    def read(leaf: object) -> object:
        assert isinstance(leaf, Ref)
        return plain(inputs[task.in_edges[leaf.edge].slot])

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


def sequential(records: Mapping[str, Task], order: Iterable[str], targets: Iterable[str]) -> dict[str, str | None]:
    """The targets' digests, computed one task after another."""
    values: dict[str, str | None] = {}
    for name in order:
        values.update(output_digests(records[name], values))
    return {slot: values[slot] for slot in targets}
