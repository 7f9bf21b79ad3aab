"""`treadle clean`: remove what is kept of runs."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError
from compiler.cli.console import Console, Exit
from compiler.cli.deployments import RUN_HELP, add_place, deployment_for

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment, Found

DESCRIPTION = """\
Removes runs: their records, kept results, committed values and logs. A run that is going on is left alone, unless
--force says to cancel it."""
EPILOG = """\
examples:
  treadle clean last
  treadle clean --older-than 7d
  treadle clean --all --force
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--all", action="store_true", help="every run")
    parser.add_argument("--older-than", metavar="D", help="every run that started longer ago, such as 36h or 7d")
    parser.add_argument("--force", action="store_true", help="cancel runs that are going on, and remove them too")
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from runtime.runs.record import RunState
    from runtime.runs.removing import remove_run

    if sum((bool(args.runs), args.all, args.older_than is not None)) != 1:
        raise UsageError("clean takes RUN…, --all or --older-than D, one of them", hint="`treadle runs` lists the runs")
    deployment = deployment_for(args, console)
    chosen = _chosen(args, deployment)
    live = [found for found in chosen if found.entry.state is RunState.RUNNING and not args.force]
    gone = [found for found in chosen if found not in live]
    for found in gone:
        remove_run(deployment, found)
    if console.is_json:
        console.json({"removed": [found.run for found in gone], "running": [found.run for found in live]})
    else:
        _show(gone, live, console)
    return Exit.ERRORS if live and args.runs else Exit.OK


def _chosen(args: argparse.Namespace, deployment: Deployment) -> list[Found]:
    if args.runs:
        return list({found.run: found for found in map(deployment.find, args.runs)}.values())
    before = time.time() if args.all else time.time() - _seconds(args.older_than)
    return [found for found in deployment.runs() if found.entry.record.started <= before]


def _seconds(text: str) -> float:
    from runtime.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as err:
        raise UsageError(f"--older-than: {err}", hint="write a duration such as 36h or 7d") from err


def _show(gone: list[Found], live: list[Found], console: Console) -> None:
    for found in gone:
        console.say(f"removed {found.run}")
    for found in live:
        console.note(f"{found.run} is running: --force cancels and removes it")
    if not gone and not live:
        console.note("there is nothing to remove")
