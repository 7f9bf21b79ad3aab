"""`treadle explain`: what a code means, where an instance's values come from, why one instance waits for another."""

from __future__ import annotations

import argparse
import re

from compiler.cli.arguments import MANIFEST_ENDINGS, UsageError, add_config, add_json, add_set, split_words
from compiler.cli.console import Console, Exit

DESCRIPTION = """\
Explains a code of treadle's diagnostics: what it means, why treadle insists, and what to do, with a wrong
and a right example. Without a word, lists all codes.
Or explains one instance: each of its values, and where in the manifest it comes from. Or, with --why A B,
why B waits for A: a shortest chain of instances between them, with the line that makes each edge."""
EPILOG = """\
A word that is a code or the name of one is a code; after FILE it is a task. FILE is workflow.yaml when none is
given. --why ends with exit code 1 when neither of the two waits for the other.

examples:
  treadle explain E304
  treadle explain no-such-instance
  treadle explain
  treadle explain 'add[9][0]'                           an instance of workflow.yaml
  treadle explain montage.yaml 'project[3]' --json
  treadle explain --why 'leaf[0]' 'add[9][0]'           why add[9][0] waits for leaf[0]
  treadle explain montage.yaml --why header mosaic      the same of any two instances of two tasks
"""

_INSTANCE = re.compile(r"[a-z][a-z0-9_/]*(\[.*)?", re.DOTALL)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="CODE|FILE TASK[KEY]", help="a code, or an instance of FILE")
    parser.add_argument("--why", nargs=2, metavar=("A", "B"), help="why B waits for A")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.codes import is_code, show_code, show_codes

    if not args.words and args.why is None:
        show_codes(console)
        return Exit.OK
    word = args.words[0] if len(args.words) == 1 and args.why is None else None
    if word is not None and (is_code(word) or not _is_instance(word)):
        show_code(word, console)
        return Exit.OK
    return _explain_instances(args, console)


def _is_instance(word: str) -> bool:
    """Whether a word could name an instance, or a manifest: a code never has these forms."""
    return _INSTANCE.fullmatch(word) is not None or word.endswith(MANIFEST_ENDINGS)


def _explain_instances(args: argparse.Namespace, console: Console) -> int:
    from compiler.cli.chains import show_chain
    from compiler.cli.selection import select
    from compiler.cli.stages import load_graph
    from compiler.cli.traces import Tracer, sentences
    from compiler.rendering.text import printable

    args.file, names = split_words(args.words)
    if args.why is not None:
        if names:
            raise UsageError(f"--why takes two instances, and `{names[0]}` is a third")
        first, second = args.why
        return show_chain(load_graph(args, console), first, second, console)
    if not names:
        raise UsageError(f"nothing of {args.file} is named", hint="name an instance, such as TASK[KEY]")
    graph = load_graph(args, console)
    traces = map(Tracer(graph).trace, select(graph, names))
    if console.is_json:
        console.json({"name": graph.name, "instances": [trace.as_json() for trace in traces]})
        return Exit.OK
    for at, trace in enumerate(traces):
        if at:
            console.say()
        for line in sentences(trace):
            console.say(printable(line))
    return Exit.OK
