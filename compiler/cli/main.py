"""The entry point: picks the verb, imports its module alone, and turns whatever ends it into an exit code.

A mistake of the user's or a fault of the environment is one clear message. Anything else that is raised is a
bug of treadle's own: it is reported as E900, with how to report it, and exit code 70.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from compiler.cli.arguments import Parser, UsageError, add_json, meant
from compiler.cli.console import Console, Exit
from compiler.cli.registry import VERBS, verb_module
from compiler.diagnostics import ManifestError
from runtime.addresses import mask_passwords
from runtime.errors import RuntimeFault

DESCRIPTION = (
    "Compiles a workflow manifest to per-worker bundles and runs them on AWS Lambda, coordinated by Redis alone."
)
EPILOG = """\
verbs:
{verbs}

examples:
  treadle init --template map          a manifest to start from, in this folder
  treadle validate workflow.yaml       every mistake, with its place and its remedy
  treadle run workflow.yaml            compile, run on this machine, print the result
  treadle VERB --help                  what a verb takes, with examples

exit codes: 0 ok, 1 errors, 2 usage, 3 a difference, 4 input/output or environment, 70 a bug of treadle's own,
130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console.standard(os.environ, is_json="--json" in arguments)
    try:
        code = _dispatch(arguments, console)
        console.out.flush()
    except ManifestError as err:
        from compiler.cli.reports import report_manifest_error

        return report_manifest_error(err, console)
    except RuntimeFault as err:
        from compiler.cli.reports import report_fault

        return report_fault(err, console)
    except KeyboardInterrupt:
        console.note("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _leave_closed_pipe()
        return Exit.OK
    except Exception as err:  # noqa: BLE001 - the boundary of the process: a bug is reported, never shown raw
        return _internal_error(err, console)
    return code


def _dispatch(arguments: list[str], console: Console) -> int:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb is None or arguments[0].startswith("-"):
        return _without_verb(arguments, console)
    if verb not in VERBS:
        raise UsageError(f"there is no verb `{verb}`{meant(verb, VERBS)}", hint="`treadle --help` lists the verbs")
    module = verb_module(verb)
    parser = Parser(prog=f"treadle {verb}", description=module.DESCRIPTION, epilog=module.EPILOG)
    module.configure(parser)
    args = parser.parse_args(arguments[1:])
    code: int = module.run(args, console)
    return code


def _without_verb(arguments: list[str], console: Console) -> int:
    parser = Parser(prog="treadle", description=DESCRIPTION, epilog=EPILOG.format(verbs=_verb_list()))
    parser.add_argument("--version", action="store_true", help="print the version")
    add_json(parser)
    parser.add_argument("verb", nargs="?", metavar="VERB", help="one of the verbs below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.version:
        return int(verb_module("version").show(console))
    if args.verb is not None:
        raise UsageError("options stand after the verb", hint=f"write `treadle {args.verb} …`")
    parser.print_help(console.err)
    return Exit.USAGE


def _verb_list() -> str:
    return "\n".join(f"  {name:<12}{summary}" for name, summary in VERBS.items())


def _leave_closed_pipe() -> None:
    """The reader went away, as `| head` does: what is still buffered goes nowhere, quietly."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def _internal_error(err: BaseException, console: Console) -> int:
    """E900: save the traceback to a file and say how to report it."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="treadle-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        head = f"treadle {verb_module('version').version()}\npython {sys.version}\nargv {sys.argv[1:]!r}\n\n"
        file.write(mask_passwords(head + "".join(traceback.format_exception(err))))
    bug = InternalError(
        f"{type(err).__name__}: {err}\n  This is a bug of treadle's own, not of your manifest.",
        hint=f"report it with the file {file.name}, which says where it happened, and the manifest if you can share it",
    )
    from compiler.cli.reports import report_fault

    return report_fault(bug, console)


class InternalError(RuntimeFault):
    """E900: a bug of treadle's own."""

    code = "E900"
    exit_code = Exit.INTERNAL
