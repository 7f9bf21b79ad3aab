"""`treadle expand`: the instances that a manifest stands for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice

from compiler.cli.arguments import add_config, add_json, add_manifest_words, add_set, split_words
from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.instances import view_instance
from compiler.cli.prospects import waiting_text
from compiler.cli.selection import select
from compiler.cli.stages import load_graph
from compiler.cli.traces import Trace, Tracer, place_text, table
from compiler.graph.model import Graph
from compiler.rendering.text import printable

DESCRIPTION = """\
Shows the instances after all expressions are evaluated: one line each, or everything about those that
are named: each value, the line that it comes from, the expression, what it waits for and who waits for it.
TASK names a whole family, TASK[KEY] one instance or all below it."""
EPILOG = """\
FILE may be left out: it is workflow.yaml in this folder.

examples:
  treadle expand workflow.yaml                        every instance, one line each
  treadle expand workflow.yaml 'add[9][0]'            one instance, each value with its source
  treadle expand 'add[9]' --limit 3                   the first three of a row, of workflow.yaml
  treadle expand workflow.yaml 'add[9]' --json        a row of a family as data
  treadle expand workflow.yaml --count --set leaves=64
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_manifest_words(parser, "TASK[KEY]", "which instances (default: all)")
    parser.add_argument("--count", action="store_true", help="only how many instances each task has")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many instances")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    args.file, names = split_words(args.words)
    graph = load_graph(args, console)
    if args.count:
        _count(graph, console)
        return Exit.OK
    chosen = select(graph, names)
    shown = chosen if args.limit is None else chosen[: max(args.limit, 0)]
    if names:
        _show_traces(graph, shown, console)
    else:
        _list(graph, shown, console)
        if graph.unsupported:
            console.note(f"not executed yet: {waiting_text(graph)}")
    if len(shown) < len(chosen):
        console.note(f"{len(shown):,} of {len(chosen):,} instances")
    return Exit.OK


def _list(graph: Graph, shown: list[int], console: Console) -> None:
    views = (view_instance(graph, instance) for instance in shown)
    if console.is_json:
        console.json({"name": graph.name, "instances": [view.as_json() for view in views]})
        return
    for view in views:
        console.say(printable(view.as_line()))


def _show_traces(graph: Graph, shown: list[int], console: Console) -> None:
    tracer = Tracer(graph)
    traces = map(tracer.trace, shown)
    if console.is_json:
        console.json({"name": graph.name, "instances": [trace.as_json() for trace in traces]})
        return
    for line in islice(_blocks(traces, console), 1, None):
        console.say(line)


def _blocks(traces: Iterator[Trace], console: Console) -> Iterator[str]:
    """Each instance after an empty line."""
    for trace in traces:
        yield ""
        yield console.paint(printable(trace.view.name), BOLD) + f"  {printable(place_text(trace.span))}"
        yield from map(printable, table(trace))


def _count(graph: Graph, console: Console) -> None:
    counts = {family.task: family.count for family in graph.families}
    edges = sum(len(sources) for sources in graph.in_edges)
    if console.is_json:
        console.json({"name": graph.name, "instances": len(graph), "edges": edges, "tasks": counts})
        return
    width = max(map(len, counts), default=0)
    for task, count in counts.items():
        console.say(f"{task:<{width}}  {count:,}")
    console.say(f"{'':<{width}}  {len(graph):,} instances, {edges:,} edges")
