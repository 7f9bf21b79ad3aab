"""`treadle explain`: what a diagnostic's code means."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import UsageError, add_json, meant
from compiler.cli.console import Console, Exit
from compiler.diagnostics import CODES
from compiler.rendering import explain_code

DESCRIPTION = "Says what a code of treadle's diagnostics means; without a code, lists them all."
EPILOG = """\
examples:
  treadle explain E304
  treadle explain
  treadle explain --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code such as E304 or W301")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    codes = sorted(CODES) if args.code is None else [args.code.upper()]
    for code in codes:
        if code not in CODES:
            raise UsageError(f"there is no code {args.code}{meant(code, CODES)}", hint="`treadle explain` lists all")
    if console.is_json:
        console.json([{"code": code, "slug": CODES[code][0], "title": CODES[code][1]} for code in codes])
    else:
        for code in codes:
            console.say(explain_code(code))
    return Exit.OK
