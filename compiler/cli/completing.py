"""The words of the whole command line, for shells: every verb's parser under one, and what each argument may hold.

shtab writes the script. What is a file, a folder or a word of a closed list is told by an argument's metavar.
"""

from __future__ import annotations

import argparse

import shtab

from compiler.cli.arguments import Parser
from compiler.cli.completing_runs import RUNS, RUNS_OR_FILES
from compiler.cli.registry import VERBS, verb_module
from compiler.cli.verbs.schema import names
from compiler.diagnostics import CODES
from compiler.planner.strategies import STRATEGIES
from runtime.links import NAMED

UPLOADS = ("shutdown", "task", "every:5s", "queue:50")
LINKS = (*NAMED, "5ms,20MB/s")


def completion_script(shell: str) -> str:
    """The script for bash, zsh or fish."""
    return shtab.complete(command_line(), shell=shell)


def command_line() -> argparse.ArgumentParser:
    """One parser with every verb below it; it describes, and is never used to parse."""
    root = Parser(prog="treadle", description="")
    root.add_argument("--version", action="store_true", help="print the version")
    verbs = root.add_subparsers(dest="verb")
    for name, summary in VERBS.items():
        parser = verbs.add_parser(name, help=summary, description=summary, epilog="")
        verb_module(name).configure(parser)
        for action in parser._actions:
            _describe(name, action)
    return root


def _describe(verb: str, action: argparse.Action) -> None:
    """Say what completes an argument, and keep its help to one plain line."""
    action.help = " ".join((action.help or "").split()).replace("`", "").replace("%%", "%")
    if isinstance(action.metavar, tuple):
        action.metavar = " ".join(action.metavar)
    metavar = action.metavar or ""
    if verb == "explain" and metavar.startswith("CODE"):
        action.choices = sorted(CODES)
    elif metavar == "CODE":
        action.choices = [code for code in sorted(CODES) if code.startswith("W")]
    elif "--planner" in action.option_strings:
        action.choices = sorted(STRATEGIES)
    elif "--compare" in action.option_strings:
        action.choices = ["all", *sorted(STRATEGIES)]
    elif "--optimize" in action.option_strings:
        action.choices = ("none",)
    elif "--metrics" in action.option_strings:
        action.choices = UPLOADS
    elif "--link" in action.option_strings:
        action.choices = LINKS
    elif verb == "schema" and metavar == "NAME":
        action.choices = names()
    elif metavar == "RUN":
        action.complete = RUNS  # type: ignore[attr-defined]
    elif "RUN" in metavar and "FILE" in metavar:
        action.complete = RUNS_OR_FILES  # type: ignore[attr-defined]
    elif "FILE" in metavar or metavar in ("OLD", "NEW"):
        action.complete = shtab.FILE  # type: ignore[attr-defined]
    elif "DIR" in metavar:
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
