"""`treadle doctor`: whether this machine can run a workflow, and every setting with its source.

What is looked at, and what to say of it, is the business of `compiler.cli.health`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from textwrap import wrap

from compiler.cli.arguments import (
    UsageError,
    add_config,
    add_deployment,
    add_json,
    add_redis,
    add_settings_of,
    settings_for,
)
from compiler.cli.console import GREEN, RED, YELLOW, Console, Exit
from compiler.cli.health.findings import Finding, Level, Subject, error, look_at, of_fault
from compiler.cli.health.machine import machine
from compiler.cli.health.object_store import object_store
from compiler.cli.health.redis_server import redis_server
from compiler.cli.health.service import local_service
from compiler.cli.planning_settings import check_planner
from runtime.addresses import mask_passwords
from runtime.backends.redis_rights import acl_line
from runtime.config import LocalSettings, WorkerSettings
from runtime.settings.layers import Settings, SettingsInvalid
from runtime.settings.meanings import MEANINGS

DESCRIPTION = """\
Checks what a local run needs (Python, packages, folders, Redis and the rights in it, the object store, the local
Lambda service, the clock), says what to do, and prints every setting with its value and where that comes from:
command line, environment, treadle.toml, default. No check takes longer than 20 s. Exit code 4 when a run would fail,
2 when a setting is wrong."""
EPILOG = """\
Any setting can be given as --config NAME=VALUE, as TREADLE_NAME in the environment, or in treadle.toml beside the
manifest. Durations and sizes have units: 50ms, 10s, 64KiB. A password is never printed.

examples:
  treadle doctor
  treadle doctor --redis rediss://team@redis.example:6379/0
  TREADLE_LINGER=80ms treadle doctor
  treadle doctor --acl --deployment team
  treadle doctor --file manifests/hello/workflow.yaml --json
"""

SCREEN = 120
MARKS = {Level.OK: ("ok", GREEN), Level.NOTE: ("", ""), Level.WARNING: ("warning", YELLOW), Level.ERROR: ("error", RED)}


def configure(parser: argparse.ArgumentParser) -> None:
    add_settings_of(parser)
    parser.add_argument(
        "--acl", action="store_true", help="print the Redis command that makes a user for this deployment"
    )
    parser.add_argument("--backend", choices=("local", "inline"), default="local", help="whose settings to print")
    add_redis(parser)
    add_deployment(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.acl:
        return _print_acl(settings_for(args, console.environ), console)
    settings, found = _settings(args, console)
    has_mistakes = bool(found)
    found |= look_at(_subjects(settings))
    levels = [one.level for findings in found.values() for one in findings]
    if console.is_json:
        console.json(_as_json(found, settings, is_healthy=Level.ERROR not in levels))
    else:
        _show(found, console)
        _show_settings(settings, console)
        console.say(_summary(levels))
    if has_mistakes:
        return Exit.USAGE
    return Exit.ENVIRONMENT if Level.ERROR in levels else Exit.OK


def _print_acl(settings: Settings, console: Console) -> int:
    line = acl_line(settings.of(LocalSettings).deployment)
    if console.is_json:
        console.json({"acl": line})
    else:
        console.say(line)
    return Exit.OK


def _settings(args: argparse.Namespace, console: Console) -> tuple[Settings, dict[str, list[Finding]]]:
    """The settings, and what is wrong in environment and file: the others are looked at nevertheless."""
    hint = "correct it, or leave it out"
    try:
        settings, wrong = settings_for(args, console.environ, backend=args.backend), []
    except SettingsInvalid as err:
        if any(one.startswith("command line") for one in err.mistakes):
            raise
        settings, wrong = err.rest, [error("setting", mask_passwords(one), hint) for one in err.mistakes]
    try:
        check_planner(settings)
    except UsageError as fault:
        wrong.append(of_fault("setting", fault))
    return settings, {"settings": wrong} if wrong else {}


def _subjects(settings: Settings) -> dict[str, Subject]:
    found: dict[str, Subject] = {"this machine": lambda: machine(settings)}
    if settings.backend != "local":
        return found
    local, worker = settings.of(LocalSettings), settings.of(WorkerSettings)
    return found | {
        "Redis": lambda: redis_server(local),
        "values": lambda: object_store(worker, local.deployment),
        "local Lambda": lambda: local_service(local),
    }


def _as_json(found: Mapping[str, Sequence[Finding]], settings: Settings, *, is_healthy: bool) -> dict[str, object]:
    return {
        "ok": is_healthy,
        "checks": [
            {"of": title, **asdict(one), "level": one.level.value}
            for title, findings in found.items()
            for one in findings
        ],
        "settings": {
            setting.name: {
                "value": setting.shown,
                "source": setting.source,
                "group": setting.group,
                "meaning": MEANINGS[setting.name],
            }
            for setting in settings.all
        },
    }


def _show(found: Mapping[str, Sequence[Finding]], console: Console) -> None:
    width = max(len(one.name) for findings in found.values() for one in findings)
    margin = " " * (width + 13)
    for title, findings in found.items():
        console.say(title)
        for one in findings:
            word, style = MARKS[one.level]
            mark = console.paint(f"{word:<7}", style) if style else " " * 7
            first, *more = _lines(one.text, len(margin))
            console.say(f"  {mark}  {one.name:<{width}}  {first}")
            help_lines = _lines(f"= help: {one.hint}", len(margin)) if one.hint else []
            for line in (*more, *help_lines):
                console.say(margin + line)


def _lines(text: str, margin: int) -> list[str]:
    """The text in lines of a screen; words that stay whole (a path, a command's argument) may be longer."""
    lines = wrap(text, SCREEN - margin, break_long_words=False, break_on_hyphens=False)
    return lines or [""]


def _show_settings(settings: Settings, console: Console) -> None:
    widths = [max(len(getattr(setting, field)) for setting in settings.all) for field in ("name", "text")]
    group = ""
    for setting in settings.all:
        if setting.group != group:
            group = setting.group
            console.say(f"{group} settings")
        console.say(f"  {setting.name:<{widths[0]}}  {setting.text:<{widths[1]}}  {setting.source}")


def _summary(levels: Sequence[Level]) -> str:
    errors, warnings = levels.count(Level.ERROR), levels.count(Level.WARNING)
    if not errors and not warnings:
        return "nothing is wrong"
    counts = [
        f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((errors, "error"), (warnings, "warning"))
    ]
    return ", ".join(text for text, count in zip(counts, (errors, warnings), strict=True) if count)
