"""What differs between two plans: instances, code, edges, who runs what, sizes, entries, and what was expected of them.

A plan comes here as a `Snapshot`, by names, wherever it was: in a file, in a bundle, or just made. Worker ids are
labels: a worker with the same tasks and another id is the same one, renamed. Expected figures follow the history from
day to day, so they are shown beside each other and do not make two plans different. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FLEXIBLE = "any worker"
"""How a flexible task's worker is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instance runs: its worker, None for a flexible one, and the class of environments by name."""

    worker: str | None
    env: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A plan by names. `edges` are None where they are not told; `functions` are fingerprints by task.

    `entries` are the start tasks by worker, `figures` what was expected, by name: seconds, dollars, counts, bytes.
    """

    name: str
    planner: str
    functions: Mapping[str, str]
    places: Mapping[str, Place]
    entries: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, tuple[str, ...]] | None
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Instances that went from one worker to another; of a flexible task it is `FLEXIBLE`."""

    old: str
    new: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """A worker, or the flexible tasks, whose class of environments is another: `instances` of it are in both plans."""

    worker: str
    old: str
    new: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Everything in which NEW is not OLD. `renamed` has the old id and the new one of a worker with the same tasks."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    code: tuple[str, ...]
    edges: tuple[str, ...]
    moved: tuple[Move, ...]
    renamed: tuple[tuple[str, str], ...]
    workers_added: tuple[str, ...]
    workers_removed: tuple[str, ...]
    resized: tuple[Resize, ...]
    entries: tuple[tuple[str, int, int], ...]
    """Workers that begin with other tasks, with how many they begin with in the old plan and in the new."""
    figures: tuple[tuple[str, float | None, float | None], ...]

    @property
    def are_none(self) -> bool:
        """The plans are the same, but for ids of workers and expected figures."""
        parts = (self.added, self.removed, self.code, self.edges, self.moved, self.resized, self.entries)
        return not any(parts)


def compare(old: Snapshot, new: Snapshot) -> Differences:
    """What differs, instances in the order of the new plan."""
    both = [name for name in new.places if name in old.places]
    names = _same_workers(old, new)
    before, after = _workers(old), _workers(new)
    known = {worker: names.get(worker, worker) for worker in before}
    return Differences(
        added=tuple([name for name in new.places if name not in old.places]),
        removed=tuple([name for name in old.places if name not in new.places]),
        code=tuple([task for task, mark in new.functions.items() if old.functions.get(task, mark) != mark]),
        edges=_edges(old, new, both),
        moved=_moves(old, new, both, known),
        renamed=tuple([(was, now) for was, now in names.items() if was != now]),
        workers_added=tuple([worker for worker in after if worker not in known.values()]),
        workers_removed=tuple([worker for worker in before if known[worker] not in after]),
        resized=_resizes(old, new, both, known),
        entries=_entries(old, new, known),
        figures=tuple(
            [(name, old.figures.get(name), new.figures.get(name)) for name in {**old.figures, **new.figures}]
        ),
    )


def _workers(one: Snapshot) -> dict[str, list[str]]:
    """The pinned workers, each with its instances."""
    found: dict[str, list[str]] = {}
    for name, place in one.places.items():
        if place.worker is not None:
            found.setdefault(place.worker, []).append(name)
    return found


def _same_workers(old: Snapshot, new: Snapshot) -> dict[str, str]:
    """By old id the new one of the worker that has just the same tasks.

    A worker that stays the same under an id which another old worker still has is not among them: its tasks moved.
    """
    before = _workers(old)
    by_tasks = {frozenset(tasks): worker for worker, tasks in _workers(new).items()}
    pairs = ((worker, by_tasks.get(frozenset(tasks))) for worker, tasks in before.items())
    same = {worker: found for worker, found in pairs if found is not None}
    while taken := [worker for worker, now in same.items() if now in before and now not in same]:
        for worker in taken:
            del same[worker]
    return same


def _edges(old: Snapshot, new: Snapshot, both: list[str]) -> tuple[str, ...]:
    if old.edges is None or new.edges is None:
        return ()
    return tuple([name for name in both if old.edges.get(name, ()) != new.edges.get(name, ())])


def _moves(old: Snapshot, new: Snapshot, both: list[str], known: Mapping[str, str]) -> tuple[Move, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for name in both:
        was, now = _worker(old, name), _worker(new, name)
        if known.get(was, was) != now:
            found.setdefault((was, now), []).append(name)
    return tuple([Move(old=was, new=now, instances=tuple(names)) for (was, now), names in found.items()])


def _resizes(old: Snapshot, new: Snapshot, both: list[str], known: Mapping[str, str]) -> tuple[Resize, ...]:
    """Of instances that did not move: one that moved has the size of where it went."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in both:
        was, now = old.places[name].env, new.places[name].env
        worker = _worker(old, name)
        if was != now and known.get(worker, worker) == _worker(new, name):
            found.setdefault((_worker(new, name), was, now), []).append(name)
    return tuple(
        [Resize(worker=worker, old=was, new=now, instances=tuple(names)) for (worker, was, now), names in found.items()]
    )


def _entries(old: Snapshot, new: Snapshot, known: Mapping[str, str]) -> tuple[tuple[str, int, int], ...]:
    before = {known.get(worker, worker): start for worker, start in old.entries.items()}
    workers = {**before, **new.entries}
    return tuple(
        [
            (worker, len(before.get(worker, ())), len(new.entries.get(worker, ())))
            for worker in workers
            if set(before.get(worker, ())) != set(new.entries.get(worker, ()))
        ]
    )


def _worker(one: Snapshot, name: str) -> str:
    return one.places[name].worker or FLEXIBLE
