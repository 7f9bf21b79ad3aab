"""From the arguments of a verb to a graph, a plan or a build: the pipeline with the user's settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from compiler.cli.arguments import UsageError, pairs, planning_options, settings_for
from compiler.cli.console import Console
from compiler.cli.planning_settings import check_planner, refuse_passes, tell_unheeded
from compiler.cli.progress import expansion_line
from compiler.cli.reports import show_diagnostics
from compiler.diagnostics import ManifestError
from compiler.graph.model import Graph
from compiler.manifest.model import Source
from compiler.manifest.source import read_source
from compiler.pipeline import CompileOptions, build_workflow, examine, plan_workflow, pose_workflow, refuse_unsupported
from compiler.planning import Planned, Posed, keep_to
from runtime.config import CompileSettings, LocalSettings
from runtime.errors import RuntimeFault
from runtime.settings.layers import Settings

if TYPE_CHECKING:
    from compiler.emit.bundle import Build
    from compiler.planner.kept import KeptPlan
    from runtime.history.view import History
    from runtime.local.living import LocalStack

MAX_PLAN_SIZE = 256 << 20
"""Bytes of a plan in a file: some hundred for each instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a verb was asked to compile: the text, and how."""

    source: Source
    options: CompileOptions


def load_graph(args: argparse.Namespace, console: Console) -> Graph:
    """The expanded graph of FILE. Raises ManifestError, UsageError, SettingsInvalid."""
    request = read_request(args, console, settings_for(args, console.environ))
    with expansion_line(console) as watch:
        checked = examine(request.source, replace(request.options, watch=watch), "graph")
    if checked.graph is None or checked.has_errors:
        raise ManifestError(checked.diagnostics)
    show_diagnostics(checked.diagnostics, console)
    return checked.graph


def load_plan(args: argparse.Namespace, console: Console) -> Planned:
    """The graph of FILE and its plan; raises as `load_graph`."""
    settings = settings_for(args, console.environ)
    _tell_ignored(settings)
    return _planned(args, console, settings)


def load_posed(args: argparse.Namespace, planners: Sequence[str], console: Console) -> Posed:
    """What these planners are to solve for FILE; raises as `load_graph`."""
    settings = settings_for(args, console.environ)
    refuse_passes(settings)
    tell_unheeded(settings, planners, console)
    _tell_ignored(settings)
    request = read_plan_request(args, console, settings)
    posed = pose_workflow(request.source, request.options)
    show_diagnostics(posed.warnings, console)
    return posed


def load_build(args: argparse.Namespace, console: Console, settings: Settings | None = None) -> Build:
    """The build of FILE; what `run` would not execute is refused (E513). Raises as `load_graph`."""
    from compiler.cli.history_notes import tell_history_notes

    settings = settings or settings_for(args, console.environ)
    planned = _planned(args, console, settings)
    refuse_unsupported(planned.graph)
    build = build_workflow(planned, promises=settings.backend == "local")
    tell_history_notes(planned.problem, console)
    show_diagnostics(planned.doubts(), console)
    return build


def read_request(args: argparse.Namespace, console: Console, settings: Settings) -> Request:
    """Read FILE; its text is kept for showing diagnostics."""
    compiling = settings.of(CompileSettings)
    set_values = pairs(args.sets, "--set")
    source = read_source(args.file, max_file_size=compiling.max_file_size_bytes)
    console.sources[source.file] = source.text
    options = CompileOptions(
        set_values=set_values,
        planner=compiling.planner,
        workers=compiling.workers,
        rounds=compiling.rounds,
        concurrency=_local(settings).concurrency_limit,
        time_limit_s=_local(settings).time_limit_s,
        max_instances=compiling.max_instances,
        max_file_size=compiling.max_file_size_bytes,
        cores=os.cpu_count() or 1,
        idle_expiry_s=_local(settings).idle_expiry_s,
        link=_local(settings).link_shape,
        recall=partial(_recall, _local(settings)),
    )
    return Request(source=source, options=options)


def read_plan_request(args: argparse.Namespace, console: Console, settings: Settings) -> Request:
    """The same for what is planned: the kept service is asked once what waits in it, and for its limits."""
    request = read_request(args, console, settings)
    kept = _kept_service(settings)
    return request if kept is None else replace(request, options=_on_service(kept, request.options, settings))


def _kept_service(settings: Settings) -> LocalStack | None:
    """None where the platform starts with the run."""
    from runtime.local.living import find_kept

    return find_kept(_local(settings).deployment) if settings.backend == "local" else None


def _on_service(kept: LocalStack, options: CompileOptions, settings: Settings) -> CompileOptions:
    """What a run meets there, whatever else is set; as it is when the service has ended meanwhile."""
    from runtime.local.idle import limits_of, warm_pool
    from runtime.runs.session import Target

    local = _local(settings)
    target = Target(redis_url=kept.redis_url, deployment=local.deployment, link=local.link_shape.text)
    try:
        status = kept.status()
    except RuntimeFault:
        return options
    pool, (concurrency, idle_expiry_s) = warm_pool(status, target.function_prefix), limits_of(status)
    return replace(options, warm=pool.idle, warm_since=pool.since, concurrency=concurrency, idle_expiry_s=idle_expiry_s)


def _tell_ignored(settings: Settings) -> None:
    """Warn of settings that the kept service does not follow. A run is told so when it begins."""
    kept = _kept_service(settings)
    if kept is not None:
        from runtime.local.kept_settings import tell_ignored

        tell_ignored(kept, settings)


def _recall(local: LocalSettings, signature: str, fingerprints: Sequence[str]) -> History:
    """What the deployment's runs have left; nothing but a note where it is out of reach: a plan needs no Redis."""
    from runtime.history.place import open_history
    from runtime.history.view import History, load_history

    try:
        with open_history(local.deployment, local.redis_url) as store:
            return load_history(store, signature, fingerprints)
    except RuntimeFault as fault:
        return History(notes=(f"the history is out of reach, nothing is predicted from it: {fault.message}",))


def _planned(args: argparse.Namespace, console: Console, settings: Settings) -> Planned:
    if getattr(args, "plan_file", None) is not None:
        return _kept(args, console, settings)
    check_planner(settings)
    refuse_passes(settings)
    tell_unheeded(settings, [settings.of(CompileSettings).planner], console)
    request = read_plan_request(args, console, settings)
    planned = plan_workflow(request.source, request.options)
    show_diagnostics(planned.warnings, console)
    return planned


def _kept(args: argparse.Namespace, console: Console, settings: Settings) -> Planned:
    """FILE with the plan that was kept of it."""
    for option, value in planning_options(args).items():
        if option != "--plan" and value is not None:
            raise UsageError(f"--plan and {option} exclude one another")
    kept = load_kept(args.plan_file, console)
    request = read_plan_request(args, console, settings)
    planned = keep_to(pose_workflow(request.source, request.options), kept)
    show_diagnostics(planned.warnings, console)
    return planned


def load_kept(file: str, console: Console) -> KeptPlan:
    """A plan in a file. Raises ManifestError (E001, E002, E012, E514), SchemaVersionUnsupported."""
    from compiler.planner.kept import parse_kept

    source = read_source(file, max_file_size=MAX_PLAN_SIZE)
    console.sources[source.file] = source.text
    return parse_kept(source.text, source.file)


def _local(settings: Settings) -> LocalSettings:
    """The target's settings; a run inside this process is planned as for the local service."""
    return settings.of(LocalSettings) if settings.backend == "local" else LocalSettings()
