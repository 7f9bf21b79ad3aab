"""The environment class of each instance, from stated resources and declared workers.

A flexible task's class is its own: stated minimum of memory (1,769 MB when nothing is said: one vCPU),
architecture, requirements. A pinned worker has one class for all its tasks: the declared size, or the largest
minimum among them, and the union of their requirements. Whether the user's statements agree is checked by
`compiler.planner.checks`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.code.requirements import layer_digest
from compiler.graph.model import Graph
from compiler.manifest.model import Resources, TaskOptions
from compiler.planner.declared import declared_sizes
from runtime.plan import EnvClass

DEFAULT_MEMORY_MB = 1769
DEFAULT_ARCH = "x86_64"


def environment_classes(graph: Graph, *, python: str) -> tuple[tuple[EnvClass, ...], list[int]]:
    """The distinct classes in order of first use, and for each instance its index among them."""
    declared = declared_sizes(graph.manifest)
    members: dict[str, list[TaskOptions]] = {}
    for option in graph.option_table:
        if option.worker is not None:
            members.setdefault(option.worker, []).append(option)
    of_worker = {
        worker: _class_of(options, declared.get(worker, Resources()), python) for worker, options in members.items()
    }
    index: dict[EnvClass, int] = {}
    by_option = [_class_of([option], Resources(), python) for option in graph.option_table]
    by_option = [
        env if option.worker is None else of_worker[option.worker]
        for option, env in zip(graph.option_table, by_option, strict=True)
    ]
    env_of = [index.setdefault(by_option[option], len(index)) for option in graph.options]
    return tuple(index), env_of


def _class_of(options: Iterable[TaskOptions], declared: Resources, python: str) -> EnvClass:
    stated = [option.resources for option in options]
    requirements = sorted({requirement for option in options for requirement in option.requirements})
    arch = declared.arch or next((one.arch for one in stated if one.arch), DEFAULT_ARCH)
    return EnvClass(
        memory_mb=declared.memory_min_mb or _memory(stated),
        arch=arch,
        python=python,
        layer=layer_digest(requirements),
    )


def _memory(stated: list[Resources]) -> int:
    """The largest stated minimum; without one the default, within the smallest stated maximum."""
    minima = [one.memory_min_mb for one in stated if one.memory_min_mb is not None]
    if minima:
        return max(minima)
    return min([DEFAULT_MEMORY_MB, *(one.memory_max_mb for one in stated if one.memory_max_mb is not None)])
