"""W506: an objective is given, and a task that passes its result on says nothing of its size.

Where nothing was run yet, a planner knows the bytes on an edge from `io` alone; without them it cannot tell whether a
deadline or a percentile is met. The average is what plans aim at anyway, so that it alone asks for nothing; a task that
nobody takes a result from needs no hint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from compiler.diagnostics import Diagnostic, Span
from compiler.graph.merge import TaskSource
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Sla
from compiler.manifest.options import parse_sla
from runtime.plan import iter_refs


def check_hints(graph: Graph, sources: Mapping[str, TaskSource]) -> Iterator[Diagnostic]:
    """W506 at the key of each task that lacks `io`, once however often its manifest is imported."""
    if not _in_words(graph.manifest.sla) and not any("sla" in dict(option.other) for option in graph.option_table):
        return
    silent = {
        number: objective
        for number, family in enumerate(graph.families)
        if family.task in sources and (objective := _unhinted(graph, family))
    }
    said: set[Span] = set()
    for number in sorted(silent.keys() & _passing(graph)) if silent else ():
        family = graph.families[number]
        if family.span in said:
            continue
        said.add(family.span)
        yield Diagnostic(
            code="W506",
            message=f"`{family.task}` has no `io`, and a plan for {silent[number]} needs to know how large results are",
            span=family.span,
            hint="add `io:`, such as `{linear: 1.0}`, `{constant: 4KiB}`, or `none` when the size follows from nothing",
        )


def _unhinted(graph: Graph, family: Family) -> str:
    """The objective in words that the family has, when it is without a hint in any of its instances."""
    if not family.count:
        return ""
    options = [graph.option_table[number] for number in {*graph.options[family.first : family.first + family.count]}]
    if all(option.io is not None for option in options):
        return ""
    own = dict(options[0].other).get("sla")
    return _in_words(graph.manifest.sla if own is None else parse_sla(json.loads(own)))


def _in_words(sla: Sla) -> str:
    if sla.percentile is not None:
        return f"p{sla.percentile:g}"
    if sla.deadline_s is not None:
        return "a deadline"
    return "" if sla.budget_usd is None else "a budget"


def _passing(graph: Graph) -> set[int]:
    """The families whose results other tasks take; an order without a value (`after`) does not count."""
    found: set[int] = set()
    for args, kwargs, edges in zip(graph.args, graph.kwargs, graph.in_edges, strict=True):
        for value in (*args, *kwargs.values()):
            found.update(graph.family_of[edges[ref.edge][0]] for ref in iter_refs(value))
    return found
