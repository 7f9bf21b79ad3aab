"""`treadle graph`: the workflow as a drawing or as data."""

from __future__ import annotations

import argparse
import shutil
import subprocess

from compiler.cli.arguments import add_config, add_file, add_json, add_set
from compiler.cli.console import Console, Exit
from compiler.cli.stages import load_graph
from runtime.errors import RuntimeFault

DESCRIPTION = """\
Prints the DAG. At level `template` a family is one box, with the number of its instances; at level
`instance` every instance is drawn."""
EPILOG = """\
examples:
  treadle graph workflow.yaml --format mermaid
  treadle graph workflow.yaml --level instance --set leaves=8 | dot -Tpng > tree.png
  treadle graph workflow.yaml --format svg > workflow.svg        needs Graphviz
  treadle graph workflow.yaml --json                             the same as --format json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("--format", choices=("dot", "mermaid", "svg", "json"), default="dot", help="default: dot")
    parser.add_argument("--level", choices=("template", "instance"), default="template", help="default: template")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    graph = load_graph(args, console)
    from compiler.graph.analysis import to_dot, to_json, to_mermaid

    if console.is_json or args.format == "json":
        console.json(to_json(graph, level=args.level))
    elif args.format == "mermaid":
        console.say(to_mermaid(graph, level=args.level))
    elif args.format == "dot":
        console.say(to_dot(graph, level=args.level))
    else:
        console.say(_svg(to_dot(graph, level=args.level)))
    return Exit.OK


def _svg(dot: str) -> str:
    """Graphviz lays the drawing out. Raises RuntimeFault when it is not there or fails."""
    program = shutil.which("dot")
    if program is None:
        raise RuntimeFault("svg needs Graphviz's `dot`, and it is not on PATH", hint="apt-get install graphviz")
    done = subprocess.run([program, "-Tsvg"], input=dot, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeFault(f"dot failed: {done.stderr.strip()}")
    return done.stdout
