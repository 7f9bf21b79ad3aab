"""The user's pins: `worker:` as a table of worker ids and an index for each instance."""

from __future__ import annotations

from compiler.graph.model import Graph
from compiler.planner.model import FLEXIBLE


def user_pins(graph: Graph) -> tuple[tuple[str, ...], list[int]]:
    """The worker ids in order of first use, and for each instance its index among them, or FLEXIBLE."""
    index: dict[str, int] = {}
    by_option = [
        FLEXIBLE if option.worker is None else index.setdefault(option.worker, len(index))
        for option in graph.option_table
    ]
    return tuple(index), [by_option[option] for option in graph.options]
