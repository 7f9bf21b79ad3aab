"""`treadle local start|status|stop`: Redis and the local Lambda service, kept between runs."""

from __future__ import annotations

import argparse

from compiler.cli.arguments import add_config, add_deployment, add_json, add_redis, add_settings_of, settings_for
from compiler.cli.console import BOLD, Console, Exit
from runtime.addresses import without_password
from runtime.config import LocalSettings

DESCRIPTION = """\
Keeps a Redis and the local Lambda service running, so that runs find them warm: start, status, stop.
Without it, each `treadle run` starts its own and ends them when it ends."""
EPILOG = """\
The service speaks Lambda's own API on a loopback port, so that an unmodified boto3 drives it:
  boto3.client("lambda", endpoint_url="http://127.0.0.1:PORT", region_name="us-east-1")

examples:
  treadle local start
  treadle local start --config concurrency_limit=6 --config start=exec
  treadle local status --json
  treadle local stop
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("start", "status", "stop"), help="what to do")
    add_settings_of(parser)
    add_deployment(parser)
    add_redis(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    settings = settings_for(args, console.environ).of(LocalSettings)
    actions = {"start": _start, "status": _status, "stop": _stop}
    return actions[args.action](settings, console)


def _start(settings: LocalSettings, console: Console) -> int:
    from runtime.local.kept_settings import ANEW, differences
    from runtime.local.stack import start_kept

    stack = start_kept(settings)
    if console.is_json:
        console.json(
            {
                "running": True,
                "deployment": settings.deployment,
                "endpoint": stack.lambda_endpoint,
                "redis_url": without_password(stack.redis_url),
                "directory": str(stack.directory),
                "pid": stack.pid,
            }
        )
        return Exit.OK
    console.say(f"local Lambda  {stack.lambda_endpoint}")
    console.say(f"Redis         {without_password(stack.redis_url)}")
    console.say(f"logs          {stack.directory}")
    console.note("it stays until `treadle local stop`")
    others = ", ".join(differences(stack.status(), stack, settings))
    if others:
        console.note(f"warning: it was there before, with other settings: {others}: {ANEW}")
    return Exit.OK


def _status(settings: LocalSettings, console: Console) -> int:
    from runtime.local.stack import status_kept

    status = status_kept(settings.deployment)
    if console.is_json:
        console.json({"running": status is not None, "deployment": settings.deployment, **(status or {})})
    elif status is None:
        console.say(f"nothing is kept for the deployment {settings.deployment}; `treadle local start` starts it")
    else:
        _show(status, console)
    return Exit.OK


def _show(status: dict[str, object], console: Console) -> None:
    of = f", version {status['version']}" if status.get("version") else ""
    console.say(console.paint(f"local Lambda  {status['endpoint']}", BOLD) + f"  pid {status['pid']}{of}")
    console.say(f"Redis         {status['redis_url']}")
    console.say(f"logs          {status['directory']}")
    console.say(f"environments  at most {status['concurrency_limit']}, started by {status['start']}")
    for link in _rows(status, "links"):
        console.say(f"link          {link['link']}, pid {link['pid']}")
    for environment in _rows(status, "environments"):
        console.say(
            f"  {environment['function']}  {environment['state']}, pid {environment['pid']}, "
            f"{environment['invocations']} invocations"
        )


def _rows(status: dict[str, object], name: str) -> list[dict[str, object]]:
    rows = status.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _stop(settings: LocalSettings, console: Console) -> int:
    from runtime.local.stack import stop_kept

    was_running = stop_kept(settings.deployment)
    if console.is_json:
        console.json({"stopped": was_running, "deployment": settings.deployment})
    else:
        console.say("stopped" if was_running else f"nothing was kept for the deployment {settings.deployment}")
    return Exit.OK
