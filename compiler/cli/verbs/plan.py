"""`treadle plan`: which worker runs what, and why."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from compiler.cli.arguments import add_config, add_file, add_json, add_planning, add_set
from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.prospects import prospect_rows, prospects_json
from compiler.cli.stages import load_plan
from compiler.graph.model import Graph
from compiler.planner.model import FLEXIBLE, Plan
from compiler.rendering.text import printable
from runtime.errors import RuntimeFault
from runtime.plan import is_flexible

DESCRIPTION = """\
Plans without building or running: for each task its worker, or that any worker may take it
(flexible), the class of its environment, and where the run starts. Also the objective, and what of the
manifest is planned but not executed yet; a time or a cost that nobody can know so far is a question mark."""
EPILOG = """\
planners:
  simple    pins tasks to a few worker ids (--workers), data stays where it is needed
  wukong    flexible workers: whoever finishes last at a fan-in goes on, fan-outs are delegated

examples:
  treadle plan workflow.yaml
  treadle plan workflow.yaml --planner wukong
  treadle plan workflow.yaml --workers 4 --explain
  treadle plan workflow.yaml -o plan.json
"""

SHOWN_WORKERS = 40


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_planning(parser)
    parser.add_argument("--explain", action="store_true", help="each instance with the reason for its place")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the plan as JSON")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    planned = load_plan(args, console)
    graph, plan = planned.graph, planned.plan
    if args.output:
        _write(Path(args.output), as_json(graph, plan))
    if console.is_json:
        console.json(as_json(graph, plan))
    elif args.explain:
        _explain(graph, plan, console)
    else:
        _show(graph, plan, console)
    return Exit.OK


def as_json(graph: Graph, plan: Plan) -> dict[str, object]:
    """The whole plan as JSON data, instances in the order of the graph."""
    return {
        "name": graph.name,
        "planner": plan.planner,
        **prospects_json(graph),
        "classes": [env.name for env in plan.classes],
        "workers": list(plan.workers),
        "entries": [
            {"worker": entry.worker, "class": entry.env.name, "start": list(entry.start)} for entry in plan.entries
        ],
        "instances": [
            {
                "name": graph.name_of(instance),
                "worker": plan.worker_name(instance),
                "class": plan.env(instance).name,
                "reason": plan.reasons[instance],
            }
            for instance in range(len(graph))
        ],
    }


def _write(path: Path, plan: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(plan, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as err:
        raise RuntimeFault(f"cannot write {path}: {err.strerror or err}") from err


def _explain(graph: Graph, plan: Plan, console: Console) -> None:
    names = [printable(graph.name_of(instance)) for instance in range(len(graph))]
    workers = [plan.worker_name(instance) or "(flexible)" for instance in range(len(graph))]
    widths = max(map(len, names)), max(map(len, workers))
    for name, worker, reason in zip(names, workers, plan.reasons, strict=True):
        console.say(f"{name:<{widths[0]}}  {worker:<{widths[1]}}  {printable(reason)}")


def _show(graph: Graph, plan: Plan, console: Console) -> None:
    pinned: dict[int, list[int]] = {}
    for instance in plan.order:
        pinned.setdefault(plan.worker_of[instance], []).append(instance)
    flexible = pinned.pop(FLEXIBLE, [])
    crossing = sum(
        plan.worker_of[producer] != plan.worker_of[consumer] or plan.worker_of[producer] == FLEXIBLE
        for producer, _, consumer in graph.edges()
    )
    console.say(console.paint(graph.name, BOLD) + f"  planner {plan.planner}")
    console.say(
        f"  {len(graph):,} tasks, {len(pinned):,} pinned workers, {len(flexible):,} flexible tasks, "
        f"{len(plan.entries):,} entry invocations"
    )
    console.say(f"  {crossing:,} of {sum(map(len, graph.in_edges)):,} edges may leave their worker")
    for label, text in prospect_rows(graph):
        console.say(f"  {label:<18}{printable(text)}")
    starts = {entry.worker: len(entry.start) for entry in plan.entries}
    for worker in sorted(pinned)[:SHOWN_WORKERS]:
        name, tasks = plan.workers[worker], pinned[worker]
        console.say(
            f"  {name:<12}{plan.env(tasks[0]).name:<28}{len(tasks):>7,} tasks, starts with {starts.get(name, 0):,}: "
            f"{printable(graph.name_of(tasks[0]))} .. {printable(graph.name_of(tasks[-1]))}"
        )
    if len(pinned) > SHOWN_WORKERS:
        console.say(f"  … {len(pinned) - SHOWN_WORKERS:,} more workers")
    for entry in [entry for entry in plan.entries if is_flexible(entry.worker)][:SHOWN_WORKERS]:
        console.say(
            f"  flexible    {entry.env.name:<28}starts with {len(entry.start):,}: {printable(entry.start[0])} .."
        )
