"""What the verbs over runs share: the deployment that the arguments name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from compiler.cli.arguments import add_config, add_deployment, add_json, add_redis, add_settings_of, settings_for
from compiler.cli.console import Console
from runtime.config import LocalSettings

if TYPE_CHECKING:
    from runtime.runs.finding import Deployment

RUN_HELP = "an id, an unambiguous part of one, or `last`"


def add_run(parser: argparse.ArgumentParser) -> None:
    """RUN and where to look for it."""
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    add_place(parser)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where to look for runs, and `--json`."""
    add_settings_of(parser)
    add_deployment(parser)
    add_redis(parser)
    add_config(parser)
    add_json(parser)


def deployment_for(args: argparse.Namespace, console: Console) -> Deployment:
    """The deployment of this call. Raises SettingsInvalid."""
    from runtime.runs.finding import Deployment

    return Deployment.of(settings_for(args, console.environ).of(LocalSettings))
