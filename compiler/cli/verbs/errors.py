"""`treadle errors`: why a run failed, as the run itself told it."""

from __future__ import annotations

import argparse

from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_run, deployment_for

DESCRIPTION = """\
Shows why a run failed: the error record of each task that failed for good, with the traceback in your own code.
Of a run that succeeded, the failures that `on_error` let pass."""
EPILOG = """\
examples:
  treadle errors last
  treadle errors last --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_run(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from runtime.report import fault_text, passed_text
    from runtime.runs.table import error_object, fault_of_run, passed_by

    found = deployment_for(args, console).find(args.run)
    fault = fault_of_run(found)
    if console.is_json:
        console.json(error_object(found))
    elif fault is not None:
        console.say(fault_text(fault))
    elif passed := passed_by(found):
        console.say(passed_text(passed))
    else:
        console.note(f"the run {found.run} has no errors: its state is {found.entry.state.value}")
    return Exit.OK
