"""`treadle expand`: the instances that a manifest stands for."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import add_config, add_file, add_json, add_set
from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.instances import InstanceView, value_text, view_instance
from compiler.cli.selection import select
from compiler.cli.stages import load_graph
from compiler.graph.model import Graph

DESCRIPTION = """\
Shows the instances after all expressions are evaluated: one line each, or everything about those that
are named. TASK names a whole family, TASK[KEY] one instance or all below it."""
EPILOG = """\
examples:
  treadle expand workflow.yaml                        every instance, one line each
  treadle expand workflow.yaml 'add[9][0]'            one instance with its arguments and options
  treadle expand workflow.yaml 'add[9]' --json        a row of a family
  treadle expand workflow.yaml --count --set leaves=64
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("instances", nargs="*", metavar="TASK[KEY]", help="which instances (default: all)")
    parser.add_argument("--count", action="store_true", help="only how many instances each task has")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    graph = load_graph(args, console)
    if args.count:
        _count(graph, console)
        return Exit.OK
    views = (view_instance(graph, instance) for instance in select(graph, args.instances))
    if console.is_json:
        console.json({"name": graph.name, "instances": [view.as_json() for view in views]})
        return Exit.OK
    for view in views:
        if args.instances:
            _show(view, console)
        else:
            console.say(view.as_line())
    return Exit.OK


def _show(view: InstanceView, console: Console) -> None:
    console.say(console.paint(view.name, BOLD) + f"  line {view.line}")
    rows = {"call": view.body}
    rows |= {f"args[{position}]": value_text(value) for position, value in enumerate(view.args)}
    rows |= {f"with.{name}": value_text(value) for name, value in view.kwargs.items()}
    rows |= {name: value if isinstance(value, str) else value_text(value) for name, value in view.options.items()}
    width = max(map(len, rows))
    for name, text in rows.items():
        console.say(f"  {name:<{width}}  {text}")


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
