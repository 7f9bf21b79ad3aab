"""`treadle runs`: the runs of a deployment, and one of them in full."""

from __future__ import annotations

import argparse

from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_place, deployment_for

DESCRIPTION = """\
Lists the runs of a deployment, the newest first: those that are going on, and the last 200 that are over, wherever
they ran. `treadle runs show RUN` shows one."""
EPILOG = """\
A RUN is an id, an unambiguous part of one, or `last`.

examples:
  treadle runs
  treadle runs --json
  treadle runs show last
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="what to do")
    parser.add_argument("run", nargs="?", metavar="RUN", default="last", help="for show (default: last)")
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from runtime.runs.table import details, run_object, table

    deployment = deployment_for(args, console)
    if args.action == "show":
        found = deployment.find(args.run)
        if console.is_json:
            console.json(run_object(found))
        else:
            console.lines("".join(f"{line}\n" for line in details(found)))
        return Exit.OK
    runs = deployment.runs()
    if console.is_json:
        console.json([run_object(found) for found in runs])
    elif runs:
        console.lines("".join(f"{line}\n" for line in table(runs)))
    else:
        console.note(f"the deployment {deployment.name} has no runs")
    return Exit.OK
