"""`treadle history`: what runs took, as predictions read it; to be taken elsewhere, added to, and forgotten."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, add_set, settings_for
from compiler.cli.console import Console, Exit
from compiler.cli.deployments import add_place
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault
from runtime.quantities import counted

if TYPE_CHECKING:
    from runtime.history.forgetting import Choice
    from runtime.history.store import Head, HistoryStore

DESCRIPTION = """\
What runs took: per task and class of environments, summaries of bounded size that predictions are made from. It lies in
the Redis that you name (--redis, or the setting redis_url), else in files of the deployment, and outlives runs.
  show     every workflow; one with its tasks; one task in full; with a manifest: the history of its code
  calibration  how often runs kept within what was promised of them, by workflow, planner and percentile, with the
           interval of 95 % in which the share of all runs lies
  export   write it to a file (- for standard output), of all workflows or of those named
  import   add what a file holds; what is known already is left alone
  forget   remove that of a workflow, of a function, of what ran long ago, or all"""
EPILOG = """\
A WORKFLOW is its name, or the beginning of a graph's signature; every change of a workflow's tasks makes a new graph.

examples:
  treadle history                                      every workflow
  treadle history show wordcount                       its tasks, by class of environments
  treadle history show wordcount count                 one task, by the size of its input
  treadle history show workflow.yaml                   what is known of this code, and what has changed since
  treadle history calibration                          are promises kept? of every workflow
  treadle history calibration wordcount --json
  treadle history export history.bin
  treadle history import history.bin --deployment other
  treadle history forget wordcount
  treadle history forget --older-than 90d --yes
"""
FORGET_ALL = "--all"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=tuple(ACTIONS), default="show", help="what to do (default: show)")
    parser.add_argument("words", nargs="*", metavar="WORKFLOW|FILE", help="and for show, a task of it")
    parser.add_argument("--all", action="store_true", dest="is_all", help="forget: everything")
    parser.add_argument("--older-than", metavar="D", help="forget: workflows that last ran longer ago, such as 30d")
    parser.add_argument("--fingerprint", metavar="HEX", help="forget: what this function took, wherever it is called")
    parser.add_argument("--yes", action="store_true", help="forget: do not ask")
    add_set(parser)
    add_place(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    ways = {FORGET_ALL: args.is_all, "--older-than": args.older_than, "--fingerprint": args.fingerprint}
    given = [name for name, value in {**ways, "--yes": args.yes}.items() if value]
    if given and args.action != "forget":
        raise UsageError(f"{given[0]} is for `treadle history forget`")
    if args.settings_of is None and args.words and _is_manifest(args.words[0]):
        args.settings_of = args.words[0]
    return ACTIONS[args.action](args, console)


def _show(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.histories import show_code, show_graphs, show_task, show_workflow

    words = args.words
    if len(words) > 2:
        raise UsageError("show takes a workflow or a manifest, and a task of it")
    task = words[1] if len(words) == 2 else None
    with _store(args, console) as store:
        if words and _is_manifest(words[0]):
            show_code(store, args, console, words[0], task)
        elif not words:
            show_graphs(store, console)
        elif task is None:
            show_workflow(store, console, words[0])
        else:
            show_task(store, console, words[0], task)
    return Exit.OK


def _calibration(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.calibrations import show_calibration

    if len(args.words) > 1:
        raise UsageError("calibration takes one WORKFLOW")
    with _store(args, console) as store:
        show_calibration(store, console, args.words[0] if args.words else None)
    return Exit.OK


def _is_manifest(word: str) -> bool:
    from compiler.cli.arguments import MANIFEST_ENDINGS
    from compiler.cli.results import is_bundle

    return word == "-" or word.endswith(MANIFEST_ENDINGS) or is_bundle(word)


def _export(args: argparse.Namespace, console: Console) -> int:
    from runtime.history.exchange import export
    from runtime.history.forgetting import named
    from runtime.history.view import read_graphs

    file, *names = _file_and(args, "export")
    with _store(args, console) as store:
        heads = store.heads()
        chosen = [head for name in names for head in named(heads, name)] if names else heads
        history = read_graphs(store, list({head.signature: head for head in chosen}.values()))
    for note in history.notes:
        console.note(f"warning: {note}")
    data = export(list(history.graphs.values()))
    _write(file, data)
    runs = sum(graph.run_count for graph in history.graphs.values())
    if console.is_json and file != "-":
        console.json({"file": file, "bytes": len(data), "graphs": sorted(history.graphs), "runs": runs})
    else:
        console.note(f"wrote {counted(len(history.graphs), 'graph')} with {counted(runs, 'run')} to {file}")
    return Exit.OK


def _import(args: argparse.Namespace, console: Console) -> int:
    from runtime.history.exchange import import_into

    file, *more = _file_and(args, "import")
    if more:
        raise UsageError("import takes one FILE")
    data = _read(file)
    with _store(args, console) as store:
        try:
            found = import_into(store, data)
        except RuntimeFault as fault:
            raise type(fault)(f"{file} cannot be imported: {fault.message}", hint=fault.hint) from fault
    if console.is_json:
        added, known = ([graph.signature for graph in graphs] for graphs in (found.added, found.known))
        console.json({"added": added, "known": known, "newer": found.newer})
        return Exit.OK
    for graph in found.added:
        console.say(f"added {graph.workflow} ({graph.signature[:8]}), {counted(graph.run_count, 'run')}")
    for graph in found.known:
        console.note(f"{graph.workflow} ({graph.signature[:8]}) has runs that are known here: nothing of it was added")
    if found.newer:
        console.note(f"warning: {counted(found.newer, 'graph')} written by a newer treadle left out")
    if not (found.added or found.known or found.newer):
        console.note(f"{file} holds no history")
    return Exit.OK


def _forget(args: argparse.Namespace, console: Console) -> int:
    from runtime.history.forgetting import forget

    with _store(args, console) as store:
        choice = _choice(args, store)
        what = [f"{head.workflow} ({head.signature[:8]})" for head in choice.heads]
        if not what:
            console.note("there is nothing to forget")
        elif not (args.yes or _agrees(choice, what, console)):
            console.note("nothing was forgotten")
            return Exit.ERRORS
        forget(store, choice)
    if console.is_json:
        console.json(
            {"forgotten": [head.signature for head in choice.heads], "fingerprint": choice.fingerprint or None}
        )
        return Exit.OK
    of = f"function {choice.fingerprint} of " if choice.fingerprint else ""
    for one in what:
        console.say(f"forgot {of}{one}")
    return Exit.OK


def _choice(args: argparse.Namespace, store: HistoryStore) -> Choice:
    from runtime.history.forgetting import Choice, named, older_than, with_function
    from runtime.quantities import parse_duration

    ways = (bool(args.words), args.is_all, args.older_than is not None, args.fingerprint is not None)
    if sum(ways) != 1:
        raise UsageError(
            "forget takes WORKFLOW…, --all, --older-than D or --fingerprint HEX, one of them",
            hint="`treadle history` lists the workflows",
        )
    heads = store.heads()
    if args.fingerprint is not None:
        return with_function(heads, args.fingerprint)
    if args.words:
        chosen: list[Head] = [head for name in args.words for head in named(heads, name)]
        return Choice(heads=tuple({head.signature: head for head in chosen}.values()))
    if args.is_all:
        return Choice(heads=tuple(heads))
    try:
        return Choice(heads=older_than(heads, time.time() - parse_duration(args.older_than)))
    except ValueError as err:
        raise UsageError(f"--older-than: {err}", hint="write a duration such as 36h or 30d") from err


def _agrees(choice: Choice, what: list[str], console: Console) -> bool:
    """Ask whoever sits at a terminal. Raises UsageError where nobody does."""
    if not sys.stdin.isatty() or console.is_json:
        raise UsageError("forget asks first, and there is no terminal to ask at", hint="say --yes")
    shown = ", ".join(what[:8]) + (f" and {len(what) - 8:,} more" if len(what) > 8 else "")
    of = f"function {choice.fingerprint} in " if choice.fingerprint else ""
    console.err.write(f"Forget the history of {of}{shown}? [y/N] ")
    console.err.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def _store(args: argparse.Namespace, console: Console) -> Iterator[HistoryStore]:
    from runtime.history.place import open_history

    local = settings_for(args, console.environ).of(LocalSettings)
    with open_history(local.deployment, local.redis_url) as store:
        yield store


def _file_and(args: argparse.Namespace, action: str) -> list[str]:
    if not args.words:
        raise UsageError(f"{action} takes a FILE", hint="- is standard output or input")
    words: list[str] = args.words
    return words


def _write(file: str, data: bytes) -> None:
    try:
        if file == "-":
            if sys.stdout.isatty():
                raise UsageError("an exported history is no text for a terminal", hint="name a FILE, or pipe it on")
            sys.stdout.buffer.write(data)
        else:
            Path(file).write_bytes(data)
    except OSError as err:
        raise RuntimeFault(f"cannot write {file}: {err.strerror or err}") from err


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as err:
        raise RuntimeFault(f"cannot read {file}: {err.strerror or err}") from err


ACTIONS: dict[str, Callable[[argparse.Namespace, Console], int]] = {
    "show": _show,
    "calibration": _calibration,
    "export": _export,
    "import": _import,
    "forget": _forget,
}
