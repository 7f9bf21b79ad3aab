"""`treadle runs`: the runs of a deployment, one of them in full, and runs as files that go from machine to machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, add_picture
from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_place, deployment_for
from runtime.errors import RuntimeFault

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment
    from runtime.runs.showing import ShownRun

DESCRIPTION = """\
Lists the runs of a deployment, the newest first: those that are going on, and the last 200 that are over, wherever
they ran. `show` shows one: how it ended, on which workers, and where its time went. `export` writes a run into one
file, which `import` takes in on any machine; its result opens only with the key of the deployment that ran it."""
EPILOG = """\
A RUN is an id, an unambiguous part of one, or `last`.

examples:
  treadle runs
  treadle runs --json
  treadle runs show last
  treadle runs show last --timeline              what each worker did when, and every span that it measured
  treadle runs show last --picture run.svg       the graph and the timeline, to look at
  treadle runs export last run.zip               - is standard output
  treadle runs import run.zip                    - is standard input
"""
WORDS = {"list": (0, 0), "show": (0, 1), "export": (2, 2), "import": (1, 1)}
"""How many words may stand after each action."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=tuple(WORDS), default="list", help="what to do")
    parser.add_argument("words", nargs="*", metavar="RUN FILE", help="RUN for show and export, FILE for import, too")
    parser.add_argument("--timeline", action="store_true", help="for show: also what each worker did, and every span")
    add_picture(parser, "for show: draw the graph and the timeline")
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    _check_words(args)
    deployment = deployment_for(args, console)
    match args.action:
        case "show":
            _show(deployment, args, console)
        case "export":
            _export(deployment, args.words[0], args.words[1], console)
        case "import":
            _import(deployment, args.words[0], console)
        case _:
            _list(deployment, console)
    return Exit.OK


def _check_words(args: argparse.Namespace) -> None:
    """Raises UsageError for words that the action does not take."""
    least, most = WORDS[args.action]
    if not least <= len(args.words) <= most:
        takes = {"list": "nothing", "show": "RUN", "export": "RUN FILE", "import": "FILE"}[args.action]
        given = " ".join(args.words) or "nothing"
        raise UsageError(f"`runs {args.action}` takes {takes}, not {given}", hint="`treadle runs --help` has examples")
    for option, value in (("--timeline", args.timeline), ("--picture", args.picture)):
        if value and args.action != "show":
            raise UsageError(f"{option} is for `runs show`")


def _list(deployment: Deployment, console: Console) -> None:
    from runtime.runs.table import run_object, table

    runs = deployment.runs()
    if console.is_json:
        console.json([run_object(found) for found in runs])
        return
    closed = deployment.closed(runs)
    if runs:
        console.lines("".join(f"{line}\n" for line in table(runs)))
    elif not closed:
        console.note(f"the deployment {deployment.name} has no runs")
    if closed:
        more = "one more run" if len(closed) == 1 else f"{len(closed)} more runs"
        console.note(f"{more} cannot be opened here: `treadle runs show {closed[0]}` says why")


def _show(deployment: Deployment, args: argparse.Namespace, console: Console) -> None:
    from runtime.runs.showing import shown_lines, shown_object, shown_run

    shown = shown_run(deployment, deployment.find(args.words[0] if args.words else "last"))
    if args.picture:
        _draw(shown, Path(args.picture))
    if console.is_json:
        console.json(shown_object(shown, with_timeline=args.timeline))
        return
    lines = list(shown_lines(shown, with_timeline=args.timeline))
    if args.timeline:
        from compiler.cli.run_pictures import run_timeline

        lines += ["", *run_timeline(shown, console)]
    console.lines("".join(f"{line}\n" for line in lines))


def _draw(shown: ShownRun, path: Path) -> None:
    """Raises RuntimeFault when there is nothing to draw, or nowhere to write it."""
    from compiler.cli.run_pictures import run_picture

    text = run_picture(shown)
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as err:
        raise RuntimeFault(f"cannot write {path}: {err.strerror or err}") from err


def _export(deployment: Deployment, run: str, file: str, console: Console) -> None:
    from runtime.quantities import format_size
    from runtime.runs.exporting import export_run, write_export

    if file == "-" and console.is_json:
        raise UsageError("--json and the file cannot both go to standard output")
    found = deployment.find(run)
    data = export_run(deployment, found)
    if file == "-":
        sys.stdout.buffer.write(data)
        return
    write_export(Path(file), data)
    if console.is_json:
        console.json({"run": found.run, "file": file, "bytes": len(data)})
    else:
        console.note(f"exported {found.run} to {file}, {format_size(len(data))}")


def _import(deployment: Deployment, file: str, console: Console) -> None:
    from runtime.runs.importing import import_run, read_file

    run, is_new = import_run(deployment, read_file(file), "standard input" if file == "-" else file)
    if console.is_json:
        console.json({"run": run, "is_new": is_new})
    elif is_new:
        console.say(run)
        console.note(f"`treadle runs show {run}` shows it")
    else:
        console.note(f"the run {run} is here already: nothing was changed")
