"""`treadle logs`: what the tasks of a run wrote to their output and error output."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from compiler.cli.console import Console, Exit
from compiler.cli.deployments import RUN_HELP, add_place, deployment_for

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment, Found
    from runtime.runs.logs import Written

DESCRIPTION = """\
Shows what the tasks of a run wrote: for each task and attempt, with the worker and the environment that ran it. Logs of
a run that goes on can be shown, too."""
EPILOG = """\
examples:
  treadle logs last
  treadle logs last resize
  treadle logs last 'resize[3]' --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("task", metavar="TASK", nargs="?", default="", help="a task, or one instance: `t[3]`")
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from dataclasses import asdict

    from runtime.runs.logs import logs_elsewhere, logs_of

    deployment = deployment_for(args, console)
    found = deployment.find(args.run)
    written = logs_of(deployment, found, args.task)
    if args.task and not written:
        _check(deployment, found, args.task)
    if console.is_json:
        console.json({"run": found.run, "logs": [asdict(one) for one in written]})
        return Exit.OK
    for one in written:
        console.say(_text(one))
    if not written:
        console.note(f"nothing was written by {f'`{args.task}`' if args.task else 'the tasks'} of the run {found.run}")
        if elsewhere := logs_elsewhere(deployment, found):
            console.note(f"its logs lie on {elsewhere}, where it was launched")
    return Exit.OK


def _check(deployment: Deployment, found: Found, task: str) -> None:
    """Raises `UnknownTask`; a run whose graph is lost may have had any task."""
    from runtime.runs.details import details_of
    from runtime.runs.logs import check_task

    graph = details_of(deployment, found).run_graph()
    if graph is not None:
        check_task(found.run, graph.names, task)


def _text(written: Written) -> str:
    from runtime.display import tame

    ended = ", killed or still running" if written.is_open else ""
    head = f"── {written.task}, attempt {written.attempt}{ended} · worker {written.worker} · {written.environment}"
    return "\n".join([head, *map(tame, written.text.splitlines())])
