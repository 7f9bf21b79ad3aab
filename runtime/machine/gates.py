"""Who of the families with gates is let in when a run is built, and who waits: decided over the graph's columns.

Later on the store decides it, with the same preferences (lua/gates.lua): places are spread over the workers first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.bundle import RunGraph
from runtime.plan import EnvClass, Gate, flexible_worker
from runtime.ports import Waiter


@dataclass(frozen=True, slots=True)
class Queues:
    """`held`: gate → task → worker. `waiting`: the instances that wait, in order, each with its gate."""

    graph: RunGraph
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    waiting: dict[int, Gate] = field(default_factory=dict)

    @property
    def worker_of(self) -> Mapping[str, str]:
        """The worker of each task that is let in; a flexible one has a worker of its own."""
        return {task: worker for holders in self.held.values() for task, worker in holders.items()}

    def lines(self, classes: Sequence[EnvClass]) -> dict[str, tuple[Waiter, ...]]:
        """Who waits before each gate, in order; `classes` are the bundle's."""
        graph = self.graph
        lines: dict[str, list[Waiter]] = {}
        for one, gate in self.waiting.items():
            waiter = Waiter(
                task=graph.names[one],
                worker=graph.workers[one] or "",
                env=classes[graph.envs[one]],
                page=graph.pages[one],
            )
            lines.setdefault(gate.name, []).append(waiter)
        return {name: tuple(waiters) for name, waiters in lines.items()}


def line_up(graph: RunGraph, ready: Iterable[int]) -> Queues:
    """Let in as many of the `ready` instances as their gates have places: first one for each worker, then in order."""
    queues = Queues(graph)
    by_gate: dict[Gate, list[int]] = {}
    for instance in ready:
        if (gate := graph.gates[instance]) is not None:
            by_gate.setdefault(gate, []).append(instance)
    for gate, instances in by_gate.items():
        queues.held[gate.name] = _let_in(graph, gate, instances)
        waiting = [one for one in instances if graph.names[one] not in queues.held[gate.name]]
        queues.waiting.update(dict.fromkeys(waiting, gate))
    return queues


def _let_in(graph: RunGraph, gate: Gate, instances: Sequence[int]) -> dict[str, str]:
    workers = {one: graph.workers[one] or flexible_worker(graph.names[one]) for one in instances}
    first_of: dict[str, int] = {}
    for one, worker in workers.items():
        first_of.setdefault(worker, one)
    order = dict.fromkeys((*first_of.values(), *instances))
    return {graph.names[one]: workers[one] for one in list(order)[: gate.places]}
