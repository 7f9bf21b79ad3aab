"""`treadle explain`: what a diagnostic's code means."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import add_json
from compiler.cli.codes import show_code, show_codes
from compiler.cli.console import Console, Exit

DESCRIPTION = """\
Explains a code of treadle's diagnostics: what it means, why treadle insists, and what to do,
with a wrong and a right example. Without a code, lists them all."""
EPILOG = """\
examples:
  treadle explain E304
  treadle explain no-such-instance
  treadle explain W301 --json
  treadle explain
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code such as E304, or its name")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.code is None:
        show_codes(console)
    else:
        show_code(args.code, console)
    return Exit.OK
