"""The history as planners read it: frozen, for the functions of one graph, with everything that could not be read.

Lookups are by fingerprint, whatever workflow the code ran in, and by class of environments. A family is one entry,
however many instances a graph has. Pure but for `load_history`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from runtime.history.records import (
    EnvironmentHistory,
    FamilyHistory,
    GraphHistory,
    MakespanKey,
    RunRow,
    merge_environments,
    merge_graphs,
    merge_tasks,
    merged,
)
from runtime.history.sketch import Sketch
from runtime.history.store import SHORT, Documents, Head, HistoryStore

RELATED_GRAPHS = 16
"""Graphs with functions in common that are read, besides the graph itself: those that ran last."""


@dataclass(frozen=True, kw_only=True)
class History:
    """Histories of graphs by signature. `notes` are lines about what was left out."""

    graphs: Mapping[str, GraphHistory] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def functions(self, fingerprint: str, task: str = "") -> Mapping[str, FamilyHistory]:
        """Everything about a function, by class of environments, of all tasks and graphs that call it; of tasks with
        that name when one is given."""
        return self._functions.get((fingerprint, task), {})

    def task(self, signature: str, task: str) -> Mapping[str, FamilyHistory]:
        """A task of one graph alone, by class of environments."""
        graph = self.graphs.get(signature)
        if graph is None:
            return {}
        return {env: family for (name, env), family in graph.families.items() if name == task}

    @cached_property
    def environments(self) -> Mapping[str, EnvironmentHistory]:
        """Every class of environments, of all graphs."""
        return merged((graph.environments for graph in self.graphs.values()), merge_environments)

    def environments_of(self, fingerprints: Iterable[str]) -> Mapping[str, EnvironmentHistory]:
        """The classes of environments of graphs that call one of these functions."""
        wanted = frozenset(fingerprints)
        own = [
            graph.environments
            for graph in self.graphs.values()
            if any(family.fingerprint in wanted for family in graph.families.values())
        ]
        return merged(own, merge_environments)

    def makespans(self, signature: str) -> Mapping[MakespanKey, Sketch]:
        """By planner, SLA and link."""
        graph = self.graphs.get(signature)
        return {} if graph is None else graph.makespans

    def runs(self, signature: str) -> tuple[RunRow, ...]:
        """The newest runs of a graph, the newest first."""
        graph = self.graphs.get(signature)
        return () if graph is None else graph.runs

    @cached_property
    def _functions(self) -> Mapping[tuple[str, str], Mapping[str, FamilyHistory]]:
        found: defaultdict[tuple[str, str], defaultdict[str, list[FamilyHistory]]]
        found = defaultdict(lambda: defaultdict(list))
        for graph in self.graphs.values():
            for (task, env), family in graph.families.items():
                found[family.fingerprint, ""][env].append(family)
                found[family.fingerprint, task][env].append(family)
        return {
            key: {env: merge_tasks(parts) for env, parts in sorted(by_env.items())} for key, by_env in found.items()
        }


def load_history(store: HistoryStore, signature: str, fingerprints: Iterable[str]) -> History:
    """What bears on one graph: its own history, that of graphs with functions in common, else of those that ran last.

    The latter tell at least what environments and transfers took, and what is wrong with them is not worth a note.
    Raises RuntimeFault when the place cannot be used.
    """
    wanted = frozenset(fingerprint[:SHORT] for fingerprint in fingerprints)
    heads = store.heads()
    own = [head for head in heads if head.signature == signature]
    others = [head for head in heads if head.signature != signature]
    others.sort(key=lambda head: (not head.functions & wanted, -head.seen_at))
    near = [*own, *(head for head in others[:RELATED_GRAPHS] if head.functions & wanted)]
    found = read_graphs(store, near)
    beside = read_graphs(store, [head for head in others[:RELATED_GRAPHS] if not head.functions & wanted])
    return History(graphs={**found.graphs, **beside.graphs}, notes=found.notes)


def read_graphs(store: HistoryStore, heads: Sequence[Head]) -> History:
    """These graphs, whole."""
    graphs: dict[str, GraphHistory] = {}
    notes: list[str] = []
    for head in heads:
        documents = store.read(head.signature)
        found = Documents.of(head.signature, documents)
        if not documents:
            notes.append(f"the history of {head.workflow} ({head.signature[:8]}) is lost: nothing is left but its name")
        if found.graphs:
            graphs[head.signature] = merge_graphs(found.graphs)
        notes += _notes(head, found)
    return History(graphs=graphs, notes=tuple(notes))


def _notes(head: Head, found: Documents) -> list[str]:
    of = f"of the history of {head.workflow} ({head.signature[:8]})"
    notes = []
    if found.newer:
        notes.append(f"{_parts(len(found.newer))} {of} written by a newer treadle left out")
    if found.older:
        notes.append(f"{_parts(found.older)} {of} written by an older treadle left out")
    if found.damaged:
        notes.append(f"{_parts(found.damaged)} {of} {'is' if found.damaged == 1 else 'are'} damaged and left out")
    return notes


def _parts(count: int) -> str:
    return "one part" if count == 1 else f"{count} parts"
