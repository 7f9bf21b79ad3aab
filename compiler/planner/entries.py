"""The entries of a plan: who is invoked at launch, and with which start tasks.

A pinned worker that owns a root is one entry with all its roots. Flexible roots are dealt to at most
`concurrency` entries per class, contiguous in the plan's order, so that each starts on subtrees of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.model import Graph
from compiler.planner.model import FLEXIBLE
from runtime.plan import Entry, EnvClass, flexible_worker


def make_entries(
    graph: Graph,
    *,
    workers: Sequence[str],
    worker_of: Sequence[int],
    classes: Sequence[EnvClass],
    env_of: Sequence[int],
    order: Sequence[int],
    concurrency: int,
) -> tuple[Entry, ...]:
    """Pinned entries in order of worker, then flexible ones in order of class; pages are not known yet."""
    pinned: dict[int, list[int]] = {}
    flexible: dict[int, list[int]] = {}
    for instance in order:
        if not graph.in_edges[instance]:
            worker = worker_of[instance]
            groups, group = (flexible, env_of[instance]) if worker == FLEXIBLE else (pinned, worker)
            groups.setdefault(group, []).append(instance)
    entries = [
        _entry(graph, workers[worker], classes[env_of[roots[0]]], roots) for worker, roots in sorted(pinned.items())
    ]
    for env, roots in sorted(flexible.items()):
        for block in blocks(roots, concurrency):
            entries.append(_entry(graph, flexible_worker(graph.name_of(block[0])), classes[env], block))
    return tuple(entries)


def _entry(graph: Graph, worker: str, env: EnvClass, roots: Sequence[int]) -> Entry:
    return Entry(worker=worker, env=env, start=tuple(graph.name_of(root) for root in roots))


def blocks(items: Sequence[int], count: int) -> list[Sequence[int]]:
    """`items` cut into at most `count` contiguous, non-empty blocks whose sizes differ by one at most."""
    count = min(max(count, 1), len(items))
    return [items[len(items) * part // count : len(items) * (part + 1) // count] for part in range(count)]
