"""Which outputs of a worker's tasks are stored and which stay in its memory, decided once for each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from runtime.machine.locality import Locality
from runtime.optimizations.baseline import Delivery, deliver
from runtime.plan import OutEdge, Task, slot_name


def slot_edges(task: Task) -> Mapping[str, Sequence[OutEdge]]:
    """The slots of a task, each with its out-edges.

    What comes `after` a task of several outputs has an edge from a slot of its own, which says that it is done.
    """
    if not task.outputs:
        return {task.name: task.out_edges}
    edges: dict[str, list[OutEdge]] = {slot_name(task.name, output): [] for output in task.outputs}
    for edge in task.out_edges:
        edges.setdefault(slot_name(task.name, edge.output), []).append(edge)
    return edges


class Outputs:
    """The decisions of one incarnation. `is_cautious`: after a death every output is stored at once.

    `already`: slots that the store has; they are no values to be kept, whatever this incarnation would have decided.
    """

    def __init__(self, locality: Locality, is_cautious: Callable[[], bool], already: Container[str]) -> None:
        self._locality = locality
        self._is_cautious = is_cautious
        self._already = already
        self._stored: dict[str, tuple[str, ...]] = {}

    def stored(self, task: Task) -> tuple[str, ...]:
        """The slots that are to be stored: all those of a task that may fail, for what came of it shall not change.

        An output that nobody reads is not.
        """
        found = self._stored.get(task.name)
        if found is None:
            found = self._stored[task.name] = tuple(
                [slot for slot, edges in slot_edges(task).items() if self._is_stored(task, slot, edges)]
            )
        return found

    def _is_stored(self, task: Task, slot: str, edges: Sequence[OutEdge]) -> bool:
        if not edges and not task.is_target:
            return False
        if task.may_fail or slot in self._already or self._is_cautious():
            return True
        return deliver(task, edges, self._locality) is Delivery.REMOTE

    def kept(self, task: Task, is_needed: Callable[[str], bool]) -> dict[str, Sequence[OutEdge]]:
        """The slots kept in memory that some consumer for which `is_needed` holds still takes."""
        stored = self.stored(task)
        return {
            slot: edges
            for slot, edges in slot_edges(task).items()
            if slot not in stored and any(is_needed(edge.consumer) for edge in edges)
        }

    def store_too(self, task: Task, slots: Iterable[str]) -> None:
        """Slots that were kept are stored after all."""
        self._stored[task.name] = (*self.stored(task), *slots)
