"""The launcher's decisions, pure: what a run's state shall be (rebuild), and how a run that goes on is watched.

Launch, resume and recovery are one computation, `rebuild_state`: from the outputs that can be read (none at
launch), what is needed, what is done, what has arrived and what is granted to whom.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from runtime.bundle import PinnedWorker, RunGraph
from runtime.machine.gates import line_up
from runtime.plan import Entry, EnvClass, flexible_worker
from runtime.ports import RebuildPart, RunEvent, RunStatus, WorkerRow

EMPTY = frozenset[str]()

BUILDING_S = 10.0
"""A rebuild whose newest step is older is abandoned: its launcher died, and another builds the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The absolute state of a run: the parts to write, and every worker's row."""

    part: RebuildPart
    rows: tuple[WorkerRow, ...]


class Planned(Protocol):
    """What a rebuild reads of a bundle."""

    @property
    def classes(self) -> Sequence[EnvClass]: ...

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def workers(self) -> Mapping[str, PinnedWorker]: ...

    def graph(self) -> RunGraph: ...


def rebuild_state(
    bundle: Planned, readable: frozenset[str] = EMPTY, dangling: frozenset[str] = EMPTY, *, fan_out: int
) -> RunState:
    """The state that follows from the slots that can be read; `dangling` ones are forgotten. Linear in the graph.

    Needed are the targets that cannot be read, and the producers of what needed tasks lack. A needed task all
    of whose inputs can be read is granted: to its pinned worker, or at launch to the plan's entry that lists
    it, later to a flexible worker that shares them out.
    """
    graph = bundle.graph()
    needed = needed_instances(graph, readable)
    arrived: dict[str, tuple[str, ...]] = {}
    ready: list[int] = []
    for instance in needed:
        sources = graph.in_edges[instance]
        slots = tuple(slot for slot in (graph.slot(*edge) for edge in sources) if slot in readable)
        if slots:
            arrived[graph.names[instance]] = slots
        if len(slots) == len(sources):
            ready.append(instance)
    queues = line_up(graph, ready)
    ready = [instance for instance in ready if instance not in queues.waiting]
    let_in = queues.worker_of
    starters = _entry_of(bundle) if not readable else _shared_out(graph, ready, fan_out)
    grants: dict[str, dict[str, int]] = {}
    flexible: dict[str, int] = {}
    for instance in ready:
        name, pinned = graph.names[instance], graph.workers[instance]
        worker = pinned if pinned is not None else let_in.get(name) or starters[name]
        grants.setdefault(worker, {})[name] = graph.pages[instance]
        if pinned is None:
            flexible.setdefault(worker, instance)
    is_needed = set(needed)
    done = tuple(
        (graph.workers[instance] or "", name) for instance, name in enumerate(graph.names) if instance not in is_needed
    )
    return RunState(
        part=RebuildPart(
            arrived=arrived,
            grants=grants,
            done=done,
            dangling=tuple(sorted(dangling)),
            held=queues.held,
            lines=queues.lines(bundle.classes),
        ),
        rows=(*_pinned_rows(bundle, grants), *_flexible_rows(bundle, graph, flexible)),
    )


def needed_instances(graph: RunGraph, readable: frozenset[str]) -> list[int]:
    """Instances that must run, in order of the graph."""
    found = {
        instance
        for instance, is_target in enumerate(graph.targets)
        if is_target and not readable.issuperset(graph.slots(instance))
    }
    stack = list(found)
    while stack:
        for producer, output in graph.in_edges[stack.pop()]:
            if producer not in found and graph.slot(producer, output) not in readable:
                found.add(producer)
                stack.append(producer)
    return sorted(found)


def _entry_of(bundle: Planned) -> dict[str, str]:
    return {name: entry.worker for entry in bundle.entries for name in entry.start}


def _shared_out(graph: RunGraph, ready: Iterable[int], fan_out: int) -> dict[str, str]:
    """Each flexible task's worker: contiguous lists, at most `fan_out` per class."""
    by_env: dict[int, list[str]] = {}
    for instance in ready:
        if graph.workers[instance] is None:
            by_env.setdefault(graph.envs[instance], []).append(graph.names[instance])
    workers: dict[str, str] = {}
    for names in by_env.values():
        size = -(-len(names) // max(1, fan_out))
        workers.update({name: flexible_worker(names[at - at % size]) for at, name in enumerate(names)})
    return workers


def _pinned_rows(bundle: Planned, grants: Mapping[str, Mapping[str, int]]) -> list[WorkerRow]:
    return [
        WorkerRow(worker=name, env=bundle.classes[row.env], subdag=row.subdag, has_todo=name in grants)
        for name, row in bundle.workers.items()
    ]


def _flexible_rows(bundle: Planned, graph: RunGraph, flexible: Mapping[str, int]) -> list[WorkerRow]:
    return [
        WorkerRow(
            worker=name,
            env=bundle.classes[graph.envs[instance]],
            subdag=f"page:{graph.pages[instance]}",
            has_todo=True,
        )
        for name, instance in flexible.items()
    ]


@dataclass(slots=True, kw_only=True)
class RunWatch:
    """What the launcher has seen of a run: fed with the event stream, it says how far the run is.

    Events are wake-ups and may be lost; `is_complete` is believed only after a look at the state. `begun` counts
    incarnations; `live` are those that work, by worker, and `silent` those of whom a last word (their last batch of
    spans) may still come: one that another takes over from has fallen, and is waited for no more.
    """

    total: int
    targets: frozenset[str]
    done: int = 0
    last_commit: float = 0.0
    failure: str = ""
    seen: set[str] = field(default_factory=set)
    begun: int = 0
    live: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    workers: set[str] = field(default_factory=set)

    def take(self, event: RunEvent) -> None:
        """Note one event of the stream; one that nobody of the run has written is passed over."""
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            self._take(event)

    def _take(self, event: RunEvent) -> None:
        match event.kind:
            case "stored" | "settled":
                data = json.loads(event.data)
                self.done += len(data["tasks"])
                self.seen.update(slot for slot in data["slots"] if slot in self.targets)
                if data["slots"]:
                    self.last_commit = max(self.last_commit, data["now"] / 1_000_000)
            case "begun":
                data = json.loads(event.data)
                self._began(data["worker"], data["token"])
            case "left":
                self.live.pop(json.loads(event.data)["worker"], None)
            case "span":
                self.silent.discard(json.loads(event.data)["token"])
            case "failed":
                self.failure = event.data

    def _began(self, worker: str, token: str) -> None:
        self.begun += 1
        self.silent.discard(self.live.get(worker, ""))
        self.silent.add(token)
        self.live[worker] = token
        self.workers.add(worker)

    def fence(self) -> None:
        """The run is built anew: who was live is none of its workers any more."""
        self.silent.difference_update(self.live.values())
        self.live.clear()

    @property
    def awaits_spans(self) -> bool:
        """A worker that began, and did not fall, has not said its last word yet."""
        return bool(self.silent)

    @property
    def has_all_targets(self) -> bool:
        return len(self.seen) == len(self.targets)

    def is_value_gone(self, status: RunStatus) -> bool:
        """Some target cannot be read: True when nobody will store it anew, so that the run must be rebuilt.

        A store that restarted may have forgotten what its events told; what was seen is no longer believed.
        """
        self.seen.clear()
        return status.done >= self.total


class Move(Enum):
    """What a launcher does after a look at the state of its run."""

    WATCH = "watch"
    REBUILD = "rebuild"
    COLLECT = "collect"
    FAIL = "fail"


def next_move(status: RunStatus, watch: RunWatch) -> Move:
    """A run whose state is gone or half written is rebuilt like one that lost a value: nobody else will finish it.

    One that is being built is left to who builds it, as long as that one goes on. One in which tasks are left and
    nobody is to run them has lost keys: whole scripts never leave it so.
    """
    if status.meta in ("failed", "cancelled"):
        return Move.FAIL
    if status.meta == "building" and 0 <= status.building_s < BUILDING_S:
        return Move.WATCH
    if status.meta != "run":
        return Move.REBUILD
    if watch.has_all_targets or status.done >= watch.total:
        return Move.COLLECT
    return Move.WATCH if status.active else Move.REBUILD
