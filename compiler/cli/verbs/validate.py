"""`treadle validate`: every mistake in manifests, nothing run."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from compiler.cli.arguments import DEFAULT_FILE, UsageError, add_config, add_json, add_set
from compiler.cli.console import Console, Exit
from compiler.cli.reports import exit_code, show_diagnostics
from compiler.cli.stages import manifest_settings, read_request
from compiler.diagnostics import CODES, Diagnostic, ManifestError, Severity
from compiler.pipeline import LEVELS, check
from compiler.rendering import summary, to_json
from runtime.quantities import parse_size

DESCRIPTION = """\
Finds every mistake in manifests and shows it with its place, its cause and a remedy. Modules,
functions and signatures are read from the source; nothing of yours is imported or run."""
EPILOG = """\
levels, each includes those before it:
  syntax   the YAML            schema   keys and types      graph   expressions, references, cycles
  code     your functions      plan     resources and workers (default)

A warning is silenced where it stands by a comment:  # treadle: ignore[W301]

examples:
  treadle validate workflow.yaml
  treadle validate manifests/*/workflow.yaml --deny W301
  generate | treadle validate - --format json
  treadle validate workflow.yaml --set leaves=100000 --max-instances 300000
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"manifests, or - (default: {DEFAULT_FILE})")
    parser.add_argument("--level", choices=LEVELS, default="plan", help="how far to go (default: plan)")
    parser.add_argument("--format", choices=("human", "json"), default="human", help="default: human")
    parser.add_argument("--deny", action="append", default=[], metavar="CODE", help="a warning that is an error here")
    parser.add_argument("--allow", action="append", default=[], metavar="CODE", help="a warning not to show")
    parser.add_argument(
        "--max-file-size", metavar="SIZE", type=_size, dest="max_file_size_bytes", help="default: 16MiB"
    )
    parser.add_argument("--max-instances", metavar="N", type=int, help="default: 200000")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    denied, allowed = _codes(args.deny, "--deny"), _codes(args.allow, "--allow")
    found: list[Diagnostic] = []
    for file in args.files or [DEFAULT_FILE]:
        found += [one for one in _check(file, args, console) if one.code not in allowed]
    if console.is_json or args.format == "json":
        console.json(to_json(found))
    else:
        show_diagnostics(found, console)
        console.note(summary(found))
    if any(one.code in denied for one in found):
        return Exit.ERRORS
    return exit_code(found)


def _check(file: str, args: argparse.Namespace, console: Console) -> Sequence[Diagnostic]:
    single = argparse.Namespace(**{**vars(args), "file": file})
    try:
        request = read_request(single, console, manifest_settings(single, console))
    except ManifestError as err:
        return err.diagnostics
    options = request.options
    return check(request.source, options.set_values, args.level, max_instances=options.max_instances)


def _codes(texts: Sequence[str], option: str) -> frozenset[str]:
    codes = frozenset(code for text in texts for code in re.split(r"[,\s]+", text) if code)
    for code in sorted(codes):
        if code not in CODES or Diagnostic(code=code, message="", span=None).severity is Severity.ERROR:
            raise UsageError(f"{option}: {code} is no warning", hint="a warning's code begins with W, such as W301")
    return codes


def _size(text: str) -> int:
    try:
        return int(text) if text.isdecimal() else parse_size(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
