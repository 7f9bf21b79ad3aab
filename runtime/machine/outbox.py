"""What a worker has to tell the store: outputs on their way, arrivals in batches, and the commit they make.

At most one commit is in flight; whatever is put here meanwhile goes with the next. A commit holds at most
`ARRIVALS_PER_COMMIT` arrivals (the scripts take about 500 keys): the last batch of a slot settles it.

Flexible consumers are shared out here: an even share stays with the caller, the rest is proposed to new
workers in contiguous lists, so that a fan-out of a thousand is a handful of invocations, and a worker that
happens to commit last does not end up with everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace

from runtime.machine.settling import Settling
from runtime.plan import EnvClass, Gate, OutEdge, flexible_worker
from runtime.ports import Arrival, Failure, Item, Recovered, Release, Settle, Store

ARRIVALS_PER_COMMIT = 450


@dataclass(slots=True)
class _Outgoing:
    """A slot on its way. `edges` has one edge per consumer; `sent` of them went in earlier commits.

    `told` says, in the same commit, of what kind the value of a task is that may fail: a result, or instead of one.
    `is_joint`: the values of all slots of its task go in one commit, however many arrivals each of them has.
    """

    task: str
    slot: str
    edges: tuple[OutEdge, ...]
    with_value: bool
    told: Failure | Recovered | None
    is_joint: bool
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of one commit. `fill`: slots whose sealed value goes in. `settled`: tasks that it settles.

    `stored`: slots that are wholly sent with it. `share`: how many flexible consumers are the caller's own part.
    """

    items: tuple[Item, ...]
    fill: frozenset[str]
    settled: tuple[str, ...]
    stored: tuple[str, ...]
    share: int


class Outbox:
    """Outputs, settled tasks and notes that wait for the next commit."""

    def __init__(
        self, settling: Settling, env: EnvClass, fan_out: int, holding: MutableMapping[str, Gate] | None = None
    ) -> None:
        self._holding = {} if holding is None else holding
        self._settling = settling
        self._env = env
        self._fan_out = max(1, fan_out)
        self._outgoing: deque[_Outgoing] = deque()
        self._settles: list[str] = []
        self._notes: list[Item] = []

    def __bool__(self) -> bool:
        return bool(self._outgoing or self._settles or self._notes)

    @property
    def fits_one_commit(self) -> bool:
        return sum(max(1, len(out.edges) - out.sent) for out in self._outgoing) <= ARRIVALS_PER_COMMIT

    def put(
        self,
        task: str,
        slot: str,
        edges: Iterable[OutEdge],
        *,
        with_value: bool,
        told: Failure | Recovered | None = None,
        is_joint: bool = False,
    ) -> None:
        unique = tuple({edge.consumer: edge for edge in edges}.values())
        self._outgoing.append(_Outgoing(task, slot, unique, with_value, told, is_joint))

    def settle(self, tasks: Iterable[str]) -> None:
        self._settles.extend(tasks)

    def note(self, item: Item) -> None:
        self._notes.append(item)

    def take(self) -> Batch:
        """Everything that fits one commit; the rest stays."""
        parts = self._cut()
        workers, share = self._share_out(parts)
        settled, self._settles = self._settles, []
        notes, self._notes = self._notes, []
        stores: list[Item] = []
        closing: set[str] = set()
        for out, _, edges in parts:
            closed = self._settling.slot_sent(out.task) if out.sent == len(out.edges) else []
            closing.update(closed[:1])
            settled.extend(closed)
            arrivals = tuple(_arrival(edge, workers) for edge in edges)
            stores.append(Store(task=out.task, slot=out.slot, value=None, arrivals=arrivals, last=bool(closed)))
        others = tuple(task for task in settled if task not in closing)
        failures: list[Item] = [item for item in notes if isinstance(item, Failure)]
        failures += [replace(out.told, slot=out.slot) for out, _, _ in parts if out.told]
        fill = frozenset(out.slot for out, _, _ in parts if out.with_value)
        for out, _, _ in parts:
            out.with_value, out.told = False, None
        items = [item for item in notes if not isinstance(item, Failure)] + stores
        return Batch(
            items=(*items, *((Settle(tasks=others),) if others else ()), *self._releases(settled), *failures),
            fill=fill,
            settled=tuple(settled),
            stored=tuple(out.slot for out, _, _ in parts if out.sent == len(out.edges)),
            share=share,
        )

    def _releases(self, settled: Iterable[str]) -> tuple[Release, ...]:
        """The places that settled tasks give back."""
        if not self._holding:
            return ()
        return tuple(
            Release(task=task, gate=gate) for task in settled if (gate := self._holding.pop(task, None)) is not None
        )

    def _cut(self) -> list[tuple[_Outgoing, int, tuple[OutEdge, ...]]]:
        """The outputs of the next commit, each with the position and the edges of its next batch."""
        parts: list[tuple[_Outgoing, int, tuple[OutEdge, ...]]] = []
        room = ARRIVALS_PER_COMMIT
        while self._outgoing and room > 0:
            out = self._outgoing[0]
            start = out.sent
            edges = out.edges[start : start + room]
            out.sent += len(edges)
            room -= max(1, len(edges))
            parts.append((out, start, edges))
            if out.sent == len(out.edges):
                self._outgoing.popleft()
        return parts + self._joint_values({out.task for out, _, _ in parts if out.is_joint})

    def _joint_values(self, tasks: Collection[str]) -> list[tuple[_Outgoing, int, tuple[OutEdge, ...]]]:
        """The values that must go with those of their tasks' other slots, before their arrivals."""
        found = [out for out in self._outgoing if out.task in tasks and out.with_value and not out.sent]
        for out in found:
            if not out.edges:
                self._outgoing.remove(out)
        return [(out, 0, ()) for out in found]

    def _share_out(self, parts: Sequence[tuple[_Outgoing, int, tuple[OutEdge, ...]]]) -> tuple[dict[str, str], int]:
        """Propose a worker for each flexible consumer; returns consumer → worker and the caller's own share.

        A wide output is cut evenly as a whole, however many commits it takes; narrow ones are pooled.
        """
        workers: dict[str, str] = {}
        share = 0
        pool: dict[EnvClass, list[str]] = {}
        for out, start, edges in parts:
            flexible = [edge for edge in edges if edge.worker is None]
            if len(out.edges) > self._fan_out:
                size = -(-len(out.edges) // self._fan_out)
                for at, edge in enumerate(edges, start):
                    workers[edge.consumer] = flexible_worker(out.edges[at - at % size].consumer)
                share += sum(at < size for at in range(start, start + len(edges))) if flexible else 0
            else:
                for edge in flexible:
                    pool.setdefault(edge.env, []).append(edge.consumer)
        for env, consumers in pool.items():
            unique = list(dict.fromkeys(consumers))
            size = -(-len(unique) // self._fan_out)
            share += size if env == self._env else 0
            for at, consumer in enumerate(unique):
                workers[consumer] = flexible_worker(unique[at - at % size])
        return workers, share


def _arrival(edge: OutEdge, workers: dict[str, str]) -> Arrival:
    return Arrival(
        consumer=edge.consumer,
        worker=workers[edge.consumer] if edge.worker is None else edge.worker,
        flexible=edge.worker is None,
        env=edge.env,
        need=edge.need,
        page=edge.page,
        gate=edge.gate,
    )
