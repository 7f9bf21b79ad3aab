"""The environment class of each instance, from stated resources and declared workers.

A flexible task's class is its own: stated minimum of memory (1,769 MB when nothing is said: one vCPU),
architecture, requirements. A pinned worker has one class for all its tasks: the declared size, or the largest
minimum among them, and the union of their requirements. Whether the user's statements agree is checked by
`compiler.planner.checks`, not here.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.code.requirements import layer_digest
from compiler.graph.model import Graph
from compiler.manifest.model import Resources, TaskOptions
from compiler.planner.declared import workers_of
from compiler.planner.layers import resolved_requirements
from runtime.plan import EnvClass

DEFAULT_MEMORY_MB = 1769
DEFAULT_ARCH = "x86_64"

Stated = tuple[TaskOptions, tuple[str, ...]]
"""What an option set states: the options, and its requirements as resolved."""


def environment_classes(graph: Graph, *, python: str) -> tuple[tuple[EnvClass, ...], list[int]]:
    """The distinct classes in order of first use, and for each instance its index among them."""
    declared = workers_of(graph)
    stated = list(zip(graph.option_table, resolved_requirements(graph), strict=True))
    members: dict[str, list[Stated]] = {}
    for option, requirements in stated:
        if option.worker is not None:
            members.setdefault(option.worker, []).append((option, requirements))
    of_worker = {
        worker: _class_of(together, declared.get(worker, Resources()), python) for worker, together in members.items()
    }
    by_option = [
        _class_of([(option, requirements)], Resources(), python) if option.worker is None else of_worker[option.worker]
        for option, requirements in stated
    ]
    index: dict[EnvClass, int] = {}
    class_of = {option: index.setdefault(by_option[option], len(index)) for option in dict.fromkeys(graph.options)}
    return tuple(index), [class_of[option] for option in graph.options]


def _class_of(together: Sequence[Stated], declared: Resources, python: str) -> EnvClass:
    resources = [option.resources for option, _ in together]
    layer = layer_digest({name for _, requirements in together for name in requirements})
    arch = declared.arch or next((one.arch for one in resources if one.arch), DEFAULT_ARCH)
    return EnvClass(memory_mb=declared.memory_min_mb or _memory(resources), arch=arch, python=python, layer=layer)


def _memory(stated: list[Resources]) -> int:
    """The largest stated minimum; without one the default, within the smallest stated maximum."""
    minima = [one.memory_min_mb for one in stated if one.memory_min_mb is not None]
    if minima:
        return max(minima)
    return min([DEFAULT_MEMORY_MB, *(one.memory_max_mb for one in stated if one.memory_max_mb is not None)])
