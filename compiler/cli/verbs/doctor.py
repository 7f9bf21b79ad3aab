"""`treadle doctor`: whether this machine can run a workflow, and every setting with its source."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from compiler.cli.arguments import add_config, add_json, settings_for
from compiler.cli.console import GREEN, RED, Console, Exit
from compiler.planner.profile import load_profile
from runtime.addresses import without_password
from runtime.backends.redis_rights import acl_line
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault
from runtime.quantities import format_duration, format_size
from runtime.settings import Settings

DESCRIPTION = """\
Checks what a local run needs (Python, packages, Redis, the local Lambda service) and prints every
setting with its value and where the value comes from: command line, environment, treadle.toml, default."""
EPILOG = """\
Any setting can be given as --config NAME=VALUE to `run`, as TREADLE_NAME in the environment, or in
treadle.toml beside the manifest. Durations and sizes have units: 50ms, 10s, 64KiB.

examples:
  treadle doctor
  TREADLE_LINGER=80ms treadle doctor
  treadle doctor --acl --config deployment=team
  treadle doctor --file manifests/hello/workflow.yaml --json
"""

NEEDED = ("pyyaml", "jsonschema", "jinja2", "cloudpickle", "redis", "boto3", "networkx", "shtab")
NEEDED_LOCALLY = ("awslambdaric",)
OPTIONAL = ("httptools", "tqdm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. `is_ok` None means: only told, nothing depends on it."""

    name: str
    is_ok: bool | None
    text: str
    hint: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", metavar="FILE", help="the manifest whose treadle.toml counts (default: this folder's)"
    )
    parser.add_argument(
        "--acl", action="store_true", help="print the Redis command that makes a user for this deployment"
    )
    parser.add_argument("--backend", choices=("local", "inline"), default="local", help="whose settings to print")
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    folder = Path(args.file).parent if args.file else Path()
    settings = settings_for(args, console.environ, backend="local" if args.acl else args.backend, folder=folder)
    if args.acl:
        console.say(acl_line(settings.of(LocalSettings).deployment))
        return Exit.OK
    checks = list(_checks(settings))
    is_healthy = all(check.is_ok is not False for check in checks)
    if console.is_json:
        console.json(
            {
                "ok": is_healthy,
                "checks": [
                    {"name": check.name, "ok": check.is_ok, "text": check.text, "hint": check.hint} for check in checks
                ],
                "settings": {
                    setting.name: {"value": setting.shown, "source": setting.source, "group": setting.group}
                    for setting in settings.all
                },
            }
        )
    else:
        _show(checks, settings, console)
    return Exit.OK if is_healthy else Exit.ENVIRONMENT


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check(
        name="Python",
        is_ok=sys.version_info >= (3, 11),
        text=f"{platform.python_version()} at {sys.executable}",
        hint="treadle needs Python 3.11 or later",
    )
    yield from (_package(name, is_needed=True, extra="") for name in NEEDED)
    yield _limits()
    if settings.backend != "local":
        return
    yield from (_package(name, is_needed=True, extra="[local]") for name in NEEDED_LOCALLY)
    yield from (_package(name, is_needed=False, extra="[local]") for name in OPTIONAL)
    local = settings.of(LocalSettings)
    yield _redis(local)
    yield _service(local)
    yield Check(
        name="processors",
        is_ok=None,
        text=f"{os.cpu_count()}, and {local.concurrency_limit} environments at one time, "
        f"an invocation for at most {format_duration(local.time_limit_s)}",
    )


def _limits() -> Check:
    profile = load_profile()
    text = (
        f"{profile.name} of {profile.date}: memory {profile.memory_min_mb:,} to {profile.memory_max_mb:,} MB, "
        f"{format_duration(profile.timeout_max_s)}, payload {format_size(profile.async_payload_bytes)} asynchronous "
        f"and {format_size(profile.sync_payload_bytes)} synchronous"
    )
    return Check(name="limits", is_ok=None, text=text)


def _package(name: str, *, is_needed: bool, extra: str) -> Check:
    try:
        return Check(name=name, is_ok=True, text=metadata.version(name))
    except metadata.PackageNotFoundError:
        hint = f"pip install 'treadle{extra}'" if is_needed else f"only faster or nicer with it: pip install '{name}'"
        return Check(name=name, is_ok=False if is_needed else None, text="not installed", hint=hint)


def _redis(local: LocalSettings) -> Check:
    try:
        text = _redis_elsewhere(local.redis_url) if local.redis_url else _redis_here()
    except RuntimeFault as err:
        return Check(name="Redis", is_ok=False, text=err.message, hint=err.hint)
    return Check(name="Redis", is_ok=True, text=text)


def _redis_elsewhere(url: str) -> str:
    from runtime.backends.redis_link import connect

    with connect(url):
        return f"answers at {without_password(url)}"


def _redis_here() -> str:
    from runtime.local.redis_server import find_redis_server

    return f"{find_redis_server()}, started for each run"


def _service(local: LocalSettings) -> Check:
    from runtime.local.living import find_kept

    kept = find_kept(local.deployment)
    text = "none is kept; every run starts its own" if kept is None else f"kept, at {kept.lambda_endpoint}"
    return Check(name="local Lambda", is_ok=None, text=text)


def _show(checks: list[Check], settings: Settings, console: Console) -> None:
    for check in checks:
        mark = {True: console.paint("ok", GREEN), False: console.paint("no", RED), None: "  "}[check.is_ok]
        console.say(f"{mark}  {check.name:<14}{check.text}")
        if check.hint and not check.is_ok:
            console.say(f"      = help: {check.hint}")
    widths = [max(len(getattr(setting, field)) for setting in settings.all) for field in ("name", "text")]
    group = ""
    for setting in settings.all:
        if setting.group != group:
            group = setting.group
            console.say(f"\n{group} settings")
        console.say(f"  {setting.name:<{widths[0]}}  {setting.text:<{widths[1]}}  {setting.source}")
