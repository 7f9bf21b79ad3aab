"""`treadle run` with --detach, --attach and --resume: what it composes and what it says."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, planning_options, settings_for
from compiler.cli.console import Console, Exit
from compiler.cli.progress import progress_bar
from compiler.cli.results import ResultView, is_bundle
from runtime.bundle import LoadedBundle, load_bundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.results import RunResult
from runtime.settings.layers import Settings

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment, Found
    from runtime.runs.resuming import Request


def detach(
    bundle: LoadedBundle, inputs: Mapping[str, object], settings: Settings, console: Console, *, keep: bool
) -> None:
    """Launch, hand over to a watchdog, and say how to follow."""
    from runtime.local.kept_settings import tell_ignored
    from runtime.requirements import check_installed
    from runtime.runs.detaching import launch_detached

    check_installed(bundle.requirements)
    local = settings.of(LocalSettings)
    with progress_bar(console, label=bundle.name) as progress:
        left = launch_detached(bundle, local, settings.of(WorkerSettings), inputs=inputs, keep=keep, progress=progress)
    tell_ignored(left.stack, settings)
    if console.is_json:
        console.json({"run": left.run, "deployment": local.deployment, "endpoint": left.stack.lambda_endpoint})
        return
    console.say(left.run)
    console.out.flush()
    console.note(
        f"it goes on by itself: `treadle run --attach {left.run}` follows it, `treadle cancel {left.run}` ends it"
    )


def rejoin(args: argparse.Namespace, texts: Mapping[str, str], console: Console) -> int:
    """Follow a run that another has launched, or go on with one. Raises as `launch`, `UnknownRun`, `RunRefuses`."""
    from runtime.runs.attaching import Left

    view = ResultView(console)
    try:
        result = _attach(args, console, view) if args.attach is not None else _resume(args, texts, console, view)
    except Left as left:
        console.note(f"{left.message}: {left.hint}")
        return Exit.INTERRUPTED
    view.end(result)
    return Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of the command, and the run that it names."""

    args: argparse.Namespace
    console: Console
    settings: Settings
    deployment: Deployment
    found: Found


def _call(args: argparse.Namespace, console: Console, settings: Settings, run: str) -> _Call:
    from runtime.runs.finding import Deployment

    deployment = Deployment.of(settings.of(LocalSettings))
    return _Call(args=args, console=console, settings=settings, deployment=deployment, found=deployment.find(run))


def _attach(args: argparse.Namespace, console: Console, view: ResultView) -> RunResult:
    from runtime.runs.rejoining import attach

    settings = settings_for(args, console.environ)
    call = _call(args, console, settings, args.attach)
    with _request(call, view, {}) as request:
        return attach(call.deployment, call.found, request, console.note)


def _resume(args: argparse.Namespace, texts: Mapping[str, str], console: Console, view: ResultView) -> RunResult:
    from runtime.runs.rejoining import resume
    from runtime.runs.resuming import check_resumable

    if args.file is None and (args.sets or any(planning_options(args).values())):
        raise UsageError("without FILE a run is resumed as it was compiled", hint="give the manifest, too")
    settings = settings_for(args, console.environ)
    call = _call(args, console, settings, args.resume)
    check_resumable(call.found)
    bundle = None if args.file is None else _bundle(args, settings, console)
    with _request(call, view, texts, bundle) as request:
        return resume(call.deployment, call.found, request)


def _bundle(args: argparse.Namespace, settings: Settings, console: Console) -> LoadedBundle:
    from compiler.cli.stages import load_build

    return load_bundle(Path(args.file)) if is_bundle(args.file) else load_build(args, console, settings).loaded


@contextmanager
def _request(
    call: _Call, view: ResultView, texts: Mapping[str, str], bundle: LoadedBundle | None = None
) -> Iterator[Request]:
    """What the user asks for; its progress is shown as long as the block lasts."""
    from runtime.given_inputs import read_inputs_file
    from runtime.runs.rejoining import resumption_lines
    from runtime.runs.resuming import Request

    args, console = call.args, call.console
    with progress_bar(console, label=call.found.entry.record.workflow) as bar:
        yield Request(
            settings=call.settings.of(WorkerSettings),
            bundle=bundle,
            inputs=read_inputs_file(Path(args.inputs_file)) if args.inputs_file else {},
            texts=texts,
            keep=args.keep,
            progress=view.watching(bar),
            tell=lambda resumption: console.note("\n".join(resumption_lines(resumption))),
        )
