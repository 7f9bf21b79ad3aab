"""The gates of a graph: families with `fanout: {concurrency: N}`, whose instances are in work N at a time.

A gate that could never hold anybody up is none. That run-time families are not executed yet is `compiler.pipeline`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from compiler.graph.model import Graph
from compiler.manifest.model import TaskOptions
from runtime.plan import Gate


def family_gates(graph: Graph) -> Sequence[Gate | None]:
    """By instance the gate of its family. Where instances give different numbers the least holds."""
    places = [_places(options) for options in graph.option_table]
    gates: list[Gate | None] = [None] * len(graph)
    if any(places):
        for family in graph.families:
            instances = range(family.first, family.first + family.count)
            least = min((found for one in instances if (found := places[graph.options[one]])), default=0)
            if 0 < least < family.count:
                gates[family.first : family.first + family.count] = [Gate(family.task, least)] * family.count
    return gates


def _places(options: TaskOptions) -> int:
    """What `fanout.concurrency` says, 0 for nothing."""
    for name, text in options.other:
        if name == "fanout":
            return int(json.loads(text).get("concurrency", 0))
    return 0
