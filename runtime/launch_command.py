"""A bundle run from the command line: `launch.py`'s whole interface, and the part of it that `treadle run` shares."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from runtime.addresses import mask_passwords
from runtime.bundle import LoadedBundle, load_bundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault
from runtime.given_inputs import FILE_HELP, INPUT_HELP, inputs_text, read_inputs_file, resolve_inputs
from runtime.inline import run_inline
from runtime.launcher import launch, new_run_id
from runtime.local.kept_settings import tell_ignored
from runtime.local.stack import ensure_stack
from runtime.promise import read_promise
from runtime.report import fault_object, fault_text, result_object, result_text, summary_text, time_text
from runtime.requirements import check_installed
from runtime.results import Progress, RunResult
from runtime.runs.archive import leaves_record
from runtime.runs.attaching import Left
from runtime.runs.detaching import target_on
from runtime.runs.finding import Deployment
from runtime.runs.rejoining import attach, resume, resumption_lines
from runtime.runs.resuming import Request
from runtime.settings.layers import Layer, Settings, command_line, environment, resolve, settings_file

EPILOG = """\
examples:
  python launch.py                        run on the local Lambda service, and print the result
  python launch.py --json > result.json   the result with its figures, as one object
  python launch.py --redis redis://localhost:6379/0
  python launch.py --inline               in this process, one task after another: for a debugger
  python launch.py --input who=Ada --inputs-file inputs.json
  python launch.py --resume last          again, but for what has been done; RUN is an id, a part of one, or last
"""


def run_bundle(
    bundle: LoadedBundle,
    settings: Settings,
    *,
    inputs: Mapping[str, object],
    source_root: str = "",
    progress: Callable[[Progress], None],
    keep: bool = False,
) -> RunResult:
    """Run inline, or on the local Lambda service: the kept one, else one that ends with the run.

    `source_root` is where the user's files are, for a debugger. Raises `RequirementMissing` when this interpreter,
    which the service uses, lacks a requirement; else as `run_inline` and `launch`.
    """
    check_installed(bundle.requirements)
    if settings.backend == "inline":
        worker = settings.of(WorkerSettings)
        return run_inline(bundle, worker, inputs=inputs, source_root=source_root, progress=progress)
    local = settings.of(LocalSettings)
    run = new_run_id(bundle)
    with ensure_stack(local) as stack, leaves_record(stack, local, run):
        tell_ignored(stack, settings)
        target, worker = target_on(stack, local), settings.of(WorkerSettings)
        return launch(bundle, target, worker, inputs=inputs, progress=progress, keep=keep, run=run)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does: cancelled, with nothing left behind."""

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(folder: Path, argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run the bundle in `folder` as the arguments say; returns the exit code."""
    parser = _parser(folder)
    args = parser.parse_args(argv)
    texts = _pairs(args.input, parser, "--input")
    own = _own_settings(args, parser)
    try:
        with terminated_as_interrupted():
            result = _run(folder, args, texts, [command_line(own), environment(environ)])
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        return 130
    except Left as left:
        print(f"{left.message}: {left.hint}", file=sys.stderr)
        return left.exit_code
    except RuntimeFault as fault:
        print(json.dumps(fault_object(fault)) if args.json else fault_text(fault), file=_where(args))
        return fault.exit_code
    if args.json:
        print(json.dumps(result_object(result)))
    else:
        print(result_text(result), flush=True)
        print("\n".join(filter(None, (summary_text(result), time_text(result)))), file=sys.stderr)
    return 0


def _where(args: argparse.Namespace) -> TextIO:
    return sys.stdout if args.json else sys.stderr


def _own_settings(args: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, object]:
    """The settings of the command line. Ends the process with code 2 on one that is given twice."""
    own: dict[str, object] = {**_pairs(args.config, parser, "--config")}
    given = {"redis_url": args.redis, "deployment": args.deployment, "concurrency_limit": args.concurrency}
    for name, value in (given | {"metrics_upload": args.metrics, "link": args.link}).items():
        if value is not None:
            if name in own:
                parser.error(f"`{name}` is given twice: by --config, and by an option of its own")
            own[name] = value
    return own


def _pairs(texts: Sequence[str], parser: argparse.ArgumentParser, option: str) -> dict[str, str]:
    """NAME=VALUE texts as a dict. Ends the process with code 2 on a text without `=` and on a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            parser.error(f"{option} takes NAME=VALUE, not {mask_passwords(repr(text))}")
        if name in found:
            parser.error(f"{option} gives `{name}` twice")
        found[name] = value
    return found


def given_inputs(bundle: LoadedBundle, texts: Mapping[str, str], file: str | None) -> dict[str, object]:
    """The inputs of a launch: texts of the command line before values of a file. Raises `InputsInvalid`."""
    return resolve_inputs(bundle.inputs, read_inputs_file(Path(file)) if file else {}, texts)


def _run(folder: Path, args: argparse.Namespace, texts: Mapping[str, str], layers: Sequence[Layer]) -> RunResult:
    bundle = replace(load_bundle(folder), promise=read_promise(folder))
    backend = "inline" if args.inline else "local"
    settings = resolve([*layers, settings_file(folder, backend=backend)], backend=backend)
    if args.attach is not None or args.resume is not None:
        return _rejoin(bundle, args, texts, settings)
    inputs = given_inputs(bundle, texts, args.inputs_file)
    return run_bundle(bundle, settings, inputs=inputs, progress=_silent, keep=args.keep)


def _rejoin(bundle: LoadedBundle, args: argparse.Namespace, texts: Mapping[str, str], settings: Settings) -> RunResult:
    """Follow a run, or go on with one, by this very bundle."""
    deployment = Deployment.of(settings.of(LocalSettings))
    found = deployment.find(args.attach or args.resume)
    request = Request(
        settings=settings.of(WorkerSettings),
        bundle=None if args.resume is None else bundle,
        inputs=read_inputs_file(Path(args.inputs_file)) if args.inputs_file else {},
        texts=texts,
        keep=args.keep,
        tell=lambda resumption: _say("\n".join(resumption_lines(resumption))),
    )
    return resume(deployment, found, request) if args.resume else attach(deployment, found, request, _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(progress: Progress) -> None:
    """A launched bundle shows its result; progress is for the command line of treadle."""


def _declared(folder: Path) -> str:
    """The inputs of this bundle, for `--help`; a bundle that cannot be read says so when it is run."""
    try:
        rows = inputs_text(load_bundle(folder).inputs)
    except RuntimeFault:
        return ""
    return "\ninputs of this workflow:\n" + "".join(f"  {row}\n" for row in rows) if rows else ""


def _parser(folder: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description=f"Runs the compiled workflow in {folder} on the local Lambda service over Redis.",
        epilog=EPILOG + _declared(folder),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help=INPUT_HELP)
    parser.add_argument("--inputs-file", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--redis", metavar="URL", help="a Redis of your own instead of a started one")
    parser.add_argument("--link", metavar="LINK", help="between workers and Redis: none, lambda, or as 5ms,20MB/s")
    parser.add_argument("--deployment", metavar="NAME", help="keys, blobs and the signing key by this name")
    parser.add_argument("--concurrency", metavar="N", help="environments at one time")
    parser.add_argument("--config", action="append", default=[], metavar="NAME=VALUE", help="any setting: linger=80ms")
    parser.add_argument("--metrics", metavar="WHEN", help="upload of measurements: shutdown, task, every:5s, queue:50")
    parser.add_argument("--keep", action="store_true", help="leave the run's keys in Redis")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--inline", action="store_true", help="run in this process, for a debugger")
    way.add_argument("--attach", metavar="RUN", help="follow a run, or print the result of one that is over")
    way.add_argument("--resume", metavar="RUN", help="go on with a run that failed, with what this bundle leaves of it")
    return parser
