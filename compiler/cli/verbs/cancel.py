"""`treadle cancel`: end a run that goes on, whoever launched it."""

from __future__ import annotations

import argparse

from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_run, deployment_for

DESCRIPTION = """\
Cancels a run: no worker may write any more, its keys are removed, and whoever follows it is told. A task that is being
executed is ended within seconds."""
EPILOG = """\
examples:
  treadle cancel last
  treadle cancel 1767225600000_squares
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_run(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from runtime.runs.removing import cancel_run

    deployment = deployment_for(args, console)
    found = deployment.find(args.run)
    cancel_run(deployment, found)
    if console.is_json:
        console.json({"cancelled": found.run})
    else:
        console.say(f"cancelled {found.run}")
    return Exit.OK
