"""`treadle validate`: every mistake in manifests, nothing run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from compiler.cli.arguments import DEFAULT_FILE, UsageError, add_config, add_json, add_set, settings_for
from compiler.cli.console import Console
from compiler.cli.reports import exit_code, print_diagnostics, show_diagnostics
from compiler.cli.severities import Severities, read_severities
from compiler.cli.stages import Request, read_request
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.manifest.ignores import remarks
from compiler.manifest.model import Source
from compiler.manifest.source import STDIN_NAME
from compiler.pipeline import LEVELS, examine
from compiler.rendering import DEFAULT_LIMIT, FORMATS, summary
from runtime.quantities import parse_size

DESCRIPTION = """\
Finds every mistake in manifests and shows it with its place, its cause and a remedy. Modules,
functions and signatures are read from the source; nothing of yours is imported or run."""
EPILOG = """\
levels, each includes those before it:
  syntax   the YAML            schema   keys and types      graph   expressions, references, cycles
  code     your functions      plan     resources and workers (default)

formats:
  human    on standard error, with the lines in question (default)
  json     one object, described by `treadle schema diagnostics`
  sarif    SARIF 2.1.0, for code scanning services and editors
  github   annotations of a GitHub Actions run         gcc   FILE:LINE:COLUMN: error: TEXT [CODE]

A warning is silenced where it stands by a comment, on its line or above:  # treadle: ignore[W301]
Warnings are not shown while there are errors. --deny makes a warning an error, --allow hides it;
both take codes or names with commas between, or `all`, from which the other one makes exceptions.

examples:
  treadle validate workflow.yaml
  treadle validate manifests/*/workflow.yaml --deny all --allow W014
  treadle validate workflow.yaml --fix
  generate | treadle validate - --format json
  treadle validate workflow.yaml --set leaves=100000 --max-instances 300000
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"manifests, or - (default: {DEFAULT_FILE})")
    parser.add_argument("--level", choices=LEVELS, default="plan", help="how far to go (default: plan)")
    parser.add_argument("--format", choices=FORMATS, help="default: human")
    parser.add_argument("--fix", action="store_true", dest="is_fixing", help="make the edits that are certain, in FILE")
    parser.add_argument("--deny", action="append", default=[], metavar="CODE", help="a warning that is an error here")
    parser.add_argument("--allow", action="append", default=[], metavar="CODE", help="a warning not to show")
    parser.add_argument(
        "--limit",
        type=_limit,
        default=DEFAULT_LIMIT,
        metavar="N",
        help=f"show people N at most, 0 for all (default: {DEFAULT_LIMIT}); programs get all",
    )
    parser.add_argument(
        "--max-file-size", metavar="SIZE", type=_size, dest="max_file_size_bytes", help="default: 16MiB"
    )
    parser.add_argument("--max-instances", metavar="N", type=int, help="default: 200000")
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    form = _format(args)
    severities = read_severities(args.deny, args.allow)
    files = dict.fromkeys(args.files or [DEFAULT_FILE])
    found = [one for file in files for one in _check(file, args, console, severities)]
    if form == "human":
        show_diagnostics(found, console, limit=args.limit)
        console.note(summary(found))
    else:
        print_diagnostics(found, console, form)
    return exit_code(found)


def _format(args: argparse.Namespace) -> str:
    if args.is_json and args.format not in (None, "json"):
        raise UsageError(f"--json and --format {args.format} exclude each other", hint="keep one of the two")
    return "json" if args.is_json else args.format or "human"


def _check(file: str, args: argparse.Namespace, console: Console, severities: Severities) -> Sequence[Diagnostic]:
    single = argparse.Namespace(**{**vars(args), "file": file})
    try:
        request = read_request(single, console, settings_for(single, console.environ))
    except ManifestError as err:
        return err.diagnostics
    source = request.source
    if args.is_fixing:
        source = _repaired(request, args, console, severities)
        console.sources[source.file] = source.text
    checked = examine(source, request.options, args.level)
    if _format(args) == "human":
        is_whole = args.level == LEVELS[-1] and not checked.has_errors
        for line, remark in remarks(source.text, source.file, checked.ignored if is_whole else None):
            console.note(f"note: {source.file}:{line}: {remark}")
    return severities.applied(checked.diagnostics)


def _repaired(request: Request, args: argparse.Namespace, console: Console, severities: Severities) -> Source:
    from compiler.cli.repairs import repaired

    if request.source.file == STDIN_NAME:
        raise UsageError("--fix edits files, and standard input is none", hint="name the file")

    def check(source: Source) -> list[Diagnostic]:
        return severities.applied(examine(source, request.options, args.level).diagnostics)

    return repaired(request.source, check, console)


def _limit(text: str) -> int | None:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a count, 0 for all, not {text!r}")
    return int(text) or None


def _size(text: str) -> int:
    try:
        return int(text) if text.isdecimal() else parse_size(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
