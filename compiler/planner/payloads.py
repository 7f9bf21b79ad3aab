"""E508 and W508: what an invocation has to say at the least, against what the target lets a payload hold.

Values, pages and lists of start tasks travel in a payload only while they fit. The name of the task that is to run
always does, and a family's keys are part of it: a loop over long texts makes names as long as these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from compiler.diagnostics import Diagnostic, Span
from compiler.graph.merge import TaskSource
from compiler.graph.model import Family, Graph
from compiler.planner.profile import TargetProfile
from runtime.quantities import format_size

ENVELOPE_BYTES = 1024
"""Room for the other fields of a payload: run, worker, class."""


def check_payloads(graph: Graph, sources: Mapping[str, TaskSource], profile: TargetProfile) -> Iterator[Diagnostic]:
    """E508 or W508 for each family with such a name, at what its loop runs over."""
    limit = profile.async_payload_bytes
    said: set[Span] = set()
    for family in graph.families:
        source = sources.get(family.task)
        if source is None or not source.task.foreach or family.span in said:
            continue
        size = _longest_name(graph, family) + ENVELOPE_BYTES
        if 2 * size > limit:
            said.add(family.span)
            excess = size > limit
            kind = "more than" if excess else "over half of"
            yield Diagnostic(
                code="E508" if excess else "W508",
                message=f"an instance of `{family.task}` has a name of {format_size(size)}, {kind} the "
                f"{format_size(limit)} that a payload may take",
                span=source.task.foreach[0].iterable.span,
                label="the elements are the keys",
                hint="loop over `enumerate(…)` with two variables, so that the position is the key",
            )


def _longest_name(graph: Graph, family: Family) -> int:
    """The bytes of the longest key path of a family, as JSON; 0 when all its keys are numbers."""
    keys = graph.keys[family.first : family.first + family.count]
    texts = (key for key in keys if any(isinstance(part, str) for part in key))
    longest = max(texts, key=lambda key: sum(len(part) for part in key if isinstance(part, str)), default=())
    return len(json.dumps(longest, ensure_ascii=False).encode())
