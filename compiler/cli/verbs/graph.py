"""`treadle graph`: the workflow as a drawing or as data."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import UsageError, add_config, add_file, add_json, add_set
from compiler.cli.console import Console, Exit
from compiler.cli.stages import load_graph
from compiler.graph.model import Graph
from compiler.rendering.text import printable

FORMATS = ("dot", "mermaid", "svg", "json")
MAX_NODES = 300
"""Nodes of a drawing that can still be read; data has no limit unless one is asked for."""

DESCRIPTION = f"""\
Prints the DAG. At level `template` a family is one box, with the number of its instances; at level
`instance` every instance is drawn. A drawing of more than {MAX_NODES} nodes collapses: the largest families
to one box each, then tasks of one depth that call the same function. svg needs no other program."""
EPILOG = """\
examples:
  treadle graph workflow.yaml --format svg > workflow.svg
  treadle graph workflow.yaml --format mermaid                   for Markdown
  treadle graph workflow.yaml --level instance --set leaves=8 --format svg > tree.svg
  treadle graph workflow.yaml --format dot | dot -Tpng > workflow.png
  treadle graph workflow.yaml --level instance --json            nodes and edges; the same as --format json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("--format", choices=FORMATS, default="dot", help="default: dot")
    parser.add_argument("--level", choices=("template", "instance"), default="template", help="default: template")
    parser.add_argument("--max-nodes", type=int, metavar="N", help=f"default: {MAX_NODES}, for json any number")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.max_nodes is not None and args.max_nodes < 1:
        raise UsageError("--max-nodes is at least 1")
    graph = load_graph(args, console)
    _show(graph, args, console)
    return Exit.OK


def _show(graph: Graph, args: argparse.Namespace, console: Console) -> None:
    from compiler.drawing.view import view

    is_data = console.is_json or args.format == "json"
    seen = view(graph, args.level, args.max_nodes or (None if is_data else MAX_NODES))
    if seen.collapsed and not is_data:
        console.note(f"drawn together to keep within {args.max_nodes or MAX_NODES} nodes: {_few(seen.collapsed)}")
    if is_data:
        from compiler.drawing.data import to_json

        console.json(to_json(graph, seen))
    elif args.format == "mermaid":
        from compiler.drawing.mermaid import to_mermaid

        _say(to_mermaid(seen), console)
    elif args.format == "dot":
        from compiler.drawing.dot import to_dot

        _say(to_dot(seen), console)
    else:
        from compiler.drawing.svg import to_svg

        console.say(to_svg(seen, subtitle=_subtitle(graph)))


def _say(text: str, console: Console) -> None:
    """Lines without anything that would steer a terminal."""
    for line in text.split("\n"):
        console.say(printable(line))


def _subtitle(graph: Graph) -> str:
    from compiler.graph.analysis import critical_path

    edges = sum(len(sources) for sources in graph.in_edges)
    return f"{len(graph):,} tasks · {edges:,} edges · longest chain {len(critical_path(graph)):,}"


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
