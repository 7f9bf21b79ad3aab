"""`treadle run`: compile when needed, launch, show progress, print the result; or leave a run to itself, or join one.

What `--attach` and `--resume` do is the business of `compiler.cli.rejoining`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import (
    DEFAULT_FILE,
    UsageError,
    add_config,
    add_deployment,
    add_inputs,
    add_json,
    add_link,
    add_metrics,
    add_plan_file,
    add_planning,
    add_redis,
    add_set,
    pairs,
    planning_options,
    settings_for,
)
from compiler.cli.console import Console, Exit
from compiler.cli.progress import progress_bar
from compiler.cli.results import ResultView, is_bundle
from compiler.diagnostics import Diagnostic, ManifestError
from runtime.bundle import LoadedBundle, load_bundle
from runtime.promise import read_promise
from runtime.settings.layers import Settings

if TYPE_CHECKING:
    from compiler.manifest.model import Manifest
    from runtime.given_inputs import InputProblem

DESCRIPTION = """\
Compiles a manifest, or takes a bundle, runs it on the local Lambda service over Redis, and prints the
result; where the time went follows on standard error. What is not running is started, and ends with the
run (`treadle local start` keeps it instead).
Ctrl-C cancels the run and leaves nothing behind. A run that failed can be resumed: what it has committed is kept."""
EPILOG = """\
examples:
  treadle run                                          workflow.yaml in this folder
  treadle run manifests/tree_reduction/workflow.yaml --set leaves=64 --planner wukong
  treadle run workflow.yaml --plan plan.json           with a plan that `treadle plan -o` wrote
  treadle run build/hello                              a bundle that `treadle build` wrote
  treadle run workflow.yaml --input word=whale --inputs-file inputs.json
  treadle run workflow.yaml --json > result.json       the result with its figures
  treadle run workflow.yaml --inline                   in this process, one task after another: for a debugger
  treadle run workflow.yaml --redis redis://localhost:6379/0
  treadle run workflow.yaml --link lambda              workers reach Redis as on AWS: 1 ms there and back, 78 MB/s
  treadle run workflow.yaml --metrics every:5s         a killed worker's measurements are lost for 5 s at most
  treadle run workflow.yaml --detach                   returns at once; the run goes on
  treadle run --attach last                            follow it, print its result; Ctrl-C leaves it running
  treadle run --resume last                            again, but for what has been done
  treadle run workflow.yaml --resume last              the same with a changed manifest: says what is repeated
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help=f"the manifest, a bundle's folder, or - (default: {DEFAULT_FILE})"
    )
    add_set(parser)
    add_inputs(parser)
    add_planning(parser)
    add_plan_file(parser)
    parser.add_argument("--inline", action="store_true", help="run in this process, for a debugger")
    parser.add_argument("--detach", action="store_true", help="start the run, print its id, and leave it to itself")
    parser.add_argument("--attach", metavar="RUN", help="follow a run, or print the result of one that is over")
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that failed; repeat only what did not commit")
    parser.add_argument("--keep", action="store_true", help="leave the run's keys in Redis")
    add_metrics(parser)
    add_redis(parser)
    add_link(parser)
    add_deployment(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from runtime.launch_command import terminated_as_interrupted

    _check_together(args)
    texts = pairs(args.inputs, "--input")
    with terminated_as_interrupted():
        if args.attach is not None or args.resume is not None:
            from compiler.cli.rejoining import rejoin

            return rejoin(args, texts, console)
        args.file = args.file or DEFAULT_FILE
        (_run_bundle if is_bundle(args.file) else _run_manifest)(args, texts, console)
    return Exit.OK


def _check_together(args: argparse.Namespace) -> None:
    """Raises UsageError for options that exclude one another."""
    ways = {"--inline": args.inline, "--detach": args.detach, "--attach": args.attach, "--resume": args.resume}
    given = [name for name, value in ways.items() if value not in (None, False)]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} exclude one another")
    needless = {"FILE": args.file, "--set": args.sets, "--input": args.inputs, "--inputs-file": args.inputs_file}
    needless |= {**planning_options(args), "--keep": args.keep}
    needless |= {"--metrics": args.metrics_upload, "--link": args.link}
    if args.attach is not None:
        for name, value in needless.items():
            if value:
                raise UsageError(f"{name} is decided when a run is launched, not by who attaches to it")


def _run_bundle(args: argparse.Namespace, texts: Mapping[str, str], console: Console) -> None:
    for option, value in {"--set": args.sets, **planning_options(args)}.items():
        if value:
            raise UsageError(f"{option} is decided when a bundle is built", hint="give it to `treadle build`")
    folder = Path(args.file)
    settings = settings_for(args, console.environ, backend=_backend(args))
    for setting in settings.all:
        if setting.group == "compile" and setting.source == "command line":
            raise UsageError(f"`{setting.name}` is decided when a bundle is built", hint="give it to `treadle build`")
    bundle = replace(load_bundle(folder), promise=read_promise(folder))
    _execute(bundle, _inputs(bundle, args, texts), args, console, settings, source_root="")


def _run_manifest(args: argparse.Namespace, texts: Mapping[str, str], console: Console) -> None:
    from compiler.cli.stages import load_build

    settings = settings_for(args, console.environ, backend=_backend(args))
    build = load_build(args, console, settings)
    manifest = build.graph.manifest
    inputs = _inputs(build.loaded, args, texts, manifest)
    _execute(build.loaded, inputs, args, console, settings, source_root=str(manifest.source.root))


def _inputs(
    bundle: LoadedBundle, args: argparse.Namespace, texts: Mapping[str, str], manifest: Manifest | None = None
) -> dict[str, object]:
    """The inputs given, checked. Raises ManifestError with everything that is wrong with them."""
    from runtime.given_inputs import InputsInvalid
    from runtime.launch_command import given_inputs

    try:
        return given_inputs(bundle, texts, args.inputs_file)
    except InputsInvalid as err:
        raise ManifestError(tuple([_diagnostic(problem, manifest) for problem in err.problems])) from err


def _diagnostic(problem: InputProblem, manifest: Manifest | None) -> Diagnostic:
    """A problem with an input as a diagnostic: one without a value at its declaration, the others at the command."""
    span, hint = None, problem.hint
    if manifest is not None and problem.code == "E209":
        span = manifest.inputs[problem.name].span
    elif manifest is not None and problem.name in manifest.params:
        hint = f"`{problem.name}` is a parameter: give it with --set"
    return Diagnostic(code=problem.code, message=problem.message, span=span, hint=hint)


def _backend(args: argparse.Namespace) -> str:
    return "inline" if args.inline else "local"


def _execute(
    bundle: LoadedBundle,
    inputs: Mapping[str, object],
    args: argparse.Namespace,
    console: Console,
    settings: Settings,
    *,
    source_root: str,
) -> None:
    """Run it and show what it gave, or leave it to itself and show how to follow it."""
    from runtime.launch_command import run_bundle

    if args.detach:
        from compiler.cli.rejoining import detach

        detach(bundle, inputs, settings, console, keep=args.keep)
        return

    view = ResultView(console)
    with progress_bar(console, label=bundle.name) as bar:
        progress = view.watching(bar)
        result = run_bundle(bundle, settings, inputs=inputs, source_root=source_root, progress=progress, keep=args.keep)
    view.end(result)
