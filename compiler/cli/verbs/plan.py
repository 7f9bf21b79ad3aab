"""`treadle plan`: which worker runs what, why, and what is expected of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import (
    UsageError,
    add_config,
    add_file,
    add_json,
    add_link,
    add_picture,
    add_plan_file,
    add_planning,
    add_set,
)
from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.expectations import Expectation, expect
from compiler.cli.history_notes import history_notes
from compiler.cli.outlook_data import forecast_objects, instance_object, outlook_object, path_object
from compiler.cli.outlooks import forecast_lines, outlook_lines, path_lines
from compiler.cli.prospects import UNKNOWN, prospect_rows, prospects_json
from compiler.cli.reports import report_manifest_error
from compiler.cli.stages import load_plan, load_posed
from compiler.cli.tables import cut
from compiler.diagnostics import ManifestError
from compiler.graph.model import Graph
from compiler.planner.kept import kept_document
from compiler.planner.model import FLEXIBLE, Plan
from compiler.planning import Planned, Posed
from compiler.rendering.text import printable
from runtime.errors import RuntimeFault
from runtime.plan import is_flexible
from runtime.quantities import counted, seconds_text

if TYPE_CHECKING:
    from compiler.cli.comparing import Contender

DESCRIPTION = """\
Plans without building or running: for each task its worker, or that any worker may take it
(flexible), the class of its environment, and where the run starts. Then what is expected of it, from what earlier
runs took: the makespan with its percentiles, the cost, the critical path, and each task's times with where they are
known from. What nobody can know so far is a question mark."""
EPILOG = """\
planners:
  treadle      the default: searches (--rounds) for the best makespan, or the cheapest within deadline and budget
  simple       pins tasks to a few worker ids (--workers), data stays where it is needed; asks no history
  wukong       flexible workers: whoever finishes last at a fan-in goes on, fan-outs are delegated; asks no history
  uniform      one size of memory; clusters by what tasks and transfers took, and as many workers as pay
  non-uniform  as uniform, then less memory for workers off the critical path (--rounds)
  dask         what Dask's scheduler would do, to compare with

examples:
  treadle plan workflow.yaml
  treadle plan workflow.yaml --planner wukong
  treadle plan workflow.yaml --workers 4 --explain
  treadle plan workflow.yaml --link lambda            as a run over that link is expected to go
  treadle plan workflow.yaml --tasks                  every task's predictions
  treadle plan workflow.yaml --compare all            every planner's plan side by side
  treadle plan workflow.yaml --picture plan.svg       the graph and the timeline, to look at
  treadle plan workflow.yaml -o plan.json             keep it: `build --plan`, `run --plan`, `diff` take it
  treadle plan workflow.yaml --plan plan.json         what is expected of a kept plan today
"""

SHOWN_WORKERS = 40
UNBOUNDED = 1 << 20
"""Columns where no terminal is."""


def configure(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_planning(parser)
    add_plan_file(parser)
    parser.add_argument("--explain", action="store_true", help="each instance with the reason for its place")
    parser.add_argument(
        "--compare", metavar="PLANNERS", help="the plans of several planners side by side: all, or names with commas"
    )
    parser.add_argument("--tasks", action="store_true", help="the predictions of every task, however many there are")
    parser.add_argument("--no-outlook", action="store_true", help="the plan alone: nothing is predicted")
    add_picture(parser, "draw the graph and the expected timeline")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the plan as JSON")
    add_link(parser)
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    _check_together(args)
    if args.compare is not None:
        return _compare(args, console)
    planned = load_plan(args, console)
    graph, plan = planned.graph, planned.plan
    is_told = console.is_json or args.output or args.picture or not args.explain
    expected = expect(planned, console) if is_told and not args.no_outlook else None
    if args.output:
        _write(Path(args.output), json.dumps(as_json(planned, expected), indent=2, ensure_ascii=False) + "\n")
    if args.picture:
        from compiler.cli.plan_pictures import plan_picture

        _write(Path(args.picture), plan_picture(planned, expected))
    if console.is_json:
        console.json(as_json(planned, expected))
    elif args.explain:
        _explain(graph, plan, console)
    else:
        _show(graph, plan, console)
        if expected is not None:
            _show_expected(expected, console, shows_all=args.tasks)
    return Exit.OK


def _check_together(args: argparse.Namespace) -> None:
    """Raises UsageError for options that exclude one another."""
    ways = {"--no-outlook": args.no_outlook, "--tasks": args.tasks}
    if args.compare is not None:
        ways = {
            "--compare": True,
            "--planner": args.planner,
            "--plan": args.plan_file,
            "-o": args.output,
            "--explain": args.explain,
            **ways,
        }
        ways |= {"--picture": args.picture}
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude one another")
    elif all(ways.values()):
        raise UsageError("--no-outlook and --tasks exclude one another")


def _compare(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.comparing import chosen, comparison_object, contend, tell_doubts

    names = chosen(args.compare)
    posed = load_posed(args, names, console)
    contenders = contend(posed, names, console)
    tell_doubts(posed, contenders, console)
    if all(one.planned is None for one in contenders):
        return report_manifest_error(ManifestError(contenders[0].found), console)
    if console.is_json:
        console.json(comparison_object(contenders))
    else:
        _show_comparison(posed, contenders, console)
    return Exit.ERRORS if all(one.has_failed for one in contenders) else Exit.OK


def _show_comparison(posed: Posed, contenders: Sequence[Contender], console: Console) -> None:
    from compiler.cli.comparing import comparison_lines

    console.say(console.paint(posed.graph.name, BOLD) + f"  {counted(len(posed.graph), 'task')}")
    for label, text in prospect_rows(posed.graph):
        console.say(f"  {label:<18}{printable(text)}")
    console.say("")
    for line in comparison_lines(posed, contenders, console):
        console.say(line)


def as_json(planned: Planned, expected: Expectation | None) -> dict[str, object]:
    """The whole plan as JSON data, instances in the order of the graph."""
    graph, plan = planned.graph, planned.plan
    problem = planned.problem
    document = kept_document(
        graph, plan, problem.options, signature=planned.signature, fingerprints=planned.collect().fingerprints
    )
    instances = document.pop("instances")
    assert isinstance(instances, list), "a row for each instance"
    if expected is not None:
        for number, row in enumerate(instances):
            row.update(instance_object(expected.forecaster, number))
    return {**document, **prospects_json(graph), **_expected_json(expected), "instances": instances}


def _expected_json(expected: Expectation | None) -> dict[str, object]:
    if expected is None:
        return {"outlook": None, "critical_path": None, "tasks": None, "history_notes": []}
    problem, outlook, path = expected.planned.problem, expected.outlook, expected.path
    return {
        "outlook": None if outlook is None else outlook_object(problem, outlook),
        "critical_path": None if outlook is None or path is None else path_object(path, outlook.timeline),
        "tasks": forecast_objects(problem, expected.forecasts),
        "history_notes": history_notes(problem),
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
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
        f"  {counted(len(graph), 'task')}, {counted(len(pinned), 'pinned worker')}, "
        f"{counted(len(flexible), 'flexible task')}, {counted(len(plan.entries), 'entry invocation')}"
    )
    console.say(f"  {crossing:,} of {sum(map(len, graph.in_edges)):,} edges may leave their worker")
    for label, text in prospect_rows(graph):
        console.say(f"  {label:<18}{printable(text)}")
    starts = {entry.worker: len(entry.start) for entry in plan.entries}
    room = console.width if console.out.isatty() else UNBOUNDED
    for worker in sorted(pinned)[:SHOWN_WORKERS]:
        name, tasks = plan.workers[worker], pinned[worker]
        held = f"{len(tasks):>7,} {'task, ' if len(tasks) == 1 else 'tasks,'}"
        line = (
            f"  {name:<12}{plan.env(tasks[0]).name:<28}{held} starts with {starts.get(name, 0):,}: "
            f"{printable(graph.name_of(tasks[0]))} .. {printable(graph.name_of(tasks[-1]))}"
        )
        console.say(cut(line, room))
    if len(pinned) > SHOWN_WORKERS:
        console.say(f"  … {len(pinned) - SHOWN_WORKERS:,} more workers")
    for entry in [entry for entry in plan.entries if is_flexible(entry.worker)][:SHOWN_WORKERS]:
        line = f"  flexible    {entry.env.name:<28}starts with {len(entry.start):,}: {printable(entry.start[0])} .."
        console.say(cut(line, room))


def _show_expected(expected: Expectation, console: Console, *, shows_all: bool) -> None:
    """The outlook, the critical path, and what is known of each task."""
    problem, outlook, path = expected.planned.problem, expected.outlook, expected.path
    console.say("")
    console.say(console.paint("outlook", BOLD))
    if outlook is None or path is None:
        console.say(f"  {'expected':<13}makespan {UNKNOWN}, cost {UNKNOWN} ({expected.why_unknown})")
    else:
        for line in outlook_lines(problem, outlook, console):
            console.say(line)
        makespan_s = outlook.timeline.makespan_s
        console.say("")
        console.say(console.paint("critical path", BOLD) + f"  {seconds_text(makespan_s)} with each task at its median")
        for line in path_lines(path, makespan_s, console):
            console.say(line)
        from compiler.cli.plan_pictures import timeline_text

        console.say("")
        console.say(console.paint("timeline", BOLD))
        for line in timeline_text(expected.planned.graph, expected, console):
            console.say(line)
    console.say("")
    console.say(console.paint("predictions", BOLD))
    for line in forecast_lines(problem, expected.forecasts, console.width, **({"shown": None} if shows_all else {})):
        console.say(line)
