"""The default behaviour at the decision points: what happens to an edge that no optimization claims.

A stored output travels through the store; an output whose only consumers this worker runs itself stays in
its memory. Pure: it looks at records and at what the worker will run, and answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from runtime.machine.locality import Locality
from runtime.plan import OutEdge, Task


class Delivery(Enum):
    """LOCAL: the consumer runs here and takes the value from memory. REMOTE: store the value and let it arrive."""

    LOCAL = "local"
    REMOTE = "remote"


def deliver(task: Task, edges: Sequence[OutEdge], locality: Locality) -> Delivery:
    """Decide for one output with all its out-edges: for one remote consumer it is stored, and arrives everywhere.

    What a task made that is not idempotent is always stored, and what one made or takes whose family has a gate: places
    are given and given back in the store.
    A pinned consumer on this worker is local. A flexible consumer is local when this worker will hold all
    of its inputs and this output feeds nobody else: a fan-out is always stored, so that it can be delegated.
    """
    if task.is_target or not task.is_idempotent or task.gate is not None or not edges:
        return Delivery.REMOTE
    if all(edge.worker == locality.worker and edge.gate is None for edge in edges):
        return Delivery.LOCAL
    if len(edges) == 1 and locality.is_mine(edges[0].consumer):
        return Delivery.LOCAL
    return Delivery.REMOTE
