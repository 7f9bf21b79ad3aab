"""`treadle run` with --detach, --attach and --resume: what it composes and what it says."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, settings_for
from compiler.cli.console import Console, Exit
from compiler.cli.progress import progress_bar
from compiler.cli.results import is_bundle, show_result
from runtime.bundle import LoadedBundle, load_bundle
from runtime.config import LocalSettings
from runtime.results import RunResult
from runtime.settings import Settings

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment, Found
    from runtime.runs.resuming import Resumption

SHOWN_CHANGES = 12


def detach(
    bundle: LoadedBundle, inputs: Mapping[str, object], settings: Settings, console: Console, *, keep: bool
) -> None:
    """Launch, hand over to a watchdog, and say how to follow."""
    from runtime.launch_command import worker_settings
    from runtime.requirements import check_installed
    from runtime.runs.detaching import launch_detached

    check_installed(bundle.requirements)
    local = settings.of(LocalSettings)
    with progress_bar(console, label=bundle.name) as progress:
        left = launch_detached(bundle, local, worker_settings(settings), inputs=inputs, keep=keep, progress=progress)
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

    try:
        result = _attach(args, console) if args.attach is not None else _resume(args, texts, console)
    except Left as left:
        console.note(f"{left.message}: {left.hint}")
        return Exit.INTERRUPTED
    show_result(result, console)
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


def _attach(args: argparse.Namespace, console: Console) -> RunResult:
    from runtime.runs.attaching import follow_live, shown_end

    settings = settings_for(args, console.environ, backend="local", folder=Path())
    call = _call(args, console, settings, args.attach)
    found = call.found
    if found.entry.outcome is not None:
        return shown_end(call.deployment, found)
    if found.stack is None:
        console.note(f"the run {found.run} was interrupted: going on with it")
        return _go_on(call, {})
    console.note(f"attached to {found.run}; Ctrl-C leaves it running")
    with progress_bar(console, label=found.entry.record.workflow) as progress:
        return follow_live(call.deployment, found, progress)


def _resume(args: argparse.Namespace, texts: Mapping[str, str], console: Console) -> RunResult:
    from runtime.runs.resuming import check_resumable

    if args.file is None and (args.sets or args.planner or args.workers):
        raise UsageError("without FILE a run is resumed as it was compiled", hint="give the manifest, too")
    settings = _settings(args, console)
    call = _call(args, console, settings, args.resume)
    check_resumable(call.found)
    return _go_on(call, texts, None if args.file is None else _bundle(args, settings, console))


def _settings(args: argparse.Namespace, console: Console) -> Settings:
    from compiler.cli.stages import manifest_settings

    if args.file is None or is_bundle(args.file):
        return settings_for(args, console.environ, backend="local", folder=Path(args.file or ""))
    return manifest_settings(args, console)


def _bundle(args: argparse.Namespace, settings: Settings, console: Console) -> LoadedBundle:
    from compiler.cli.stages import load_build

    return load_bundle(Path(args.file)) if is_bundle(args.file) else load_build(args, console, settings).loaded


def _go_on(call: _Call, texts: Mapping[str, str], bundle: LoadedBundle | None = None) -> RunResult:
    from runtime.given_inputs import read_inputs_file
    from runtime.launch_command import worker_settings
    from runtime.requirements import check_installed
    from runtime.runs.resuming import Request, resume_somewhere

    args, console, found = call.args, call.console, call.found
    if bundle is not None:
        check_installed(bundle.requirements)
    with progress_bar(console, label=found.entry.record.workflow) as progress:
        request = Request(
            settings=worker_settings(call.settings),
            bundle=bundle,
            inputs=read_inputs_file(Path(args.inputs_file)) if args.inputs_file else {},
            texts=texts,
            keep=args.keep,
            progress=progress,
            tell=lambda resumption: _tell(resumption, console),
        )
        return resume_somewhere(call.deployment, found, request)


def _tell(resumption: Resumption, console: Console) -> None:
    """What stands, and what a change repeats."""
    console.note(
        f"resuming {resumption.run}: the results of {resumption.kept:,} of {resumption.total:,} tasks are kept"
    )
    for task, why, count in resumption.repeated[:SHOWN_CHANGES]:
        instances = f" ({count:,} instances)" if count > 1 else ""
        console.note(f"  repeated: {task}{instances}: {why}")
    more = len(resumption.repeated) - SHOWN_CHANGES
    if more > 0:
        console.note(f"  and {more:,} more")
