"""`treadle version`."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata

from compiler.cli.arguments import add_json
from compiler.cli.console import Console, Exit

DESCRIPTION = "Prints the version of treadle and of the Python that runs it."
EPILOG = """\
examples:
  treadle version
  treadle version --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    return show(console)


def show(console: Console) -> int:
    if console.is_json:
        console.json({"treadle": version(), "python": platform.python_version()})
    else:
        console.say(f"treadle {version()} (Python {platform.python_version()})")
    return Exit.OK


def version() -> str:
    """The installed version; "unknown" in a source tree that was never installed."""
    try:
        return metadata.version("treadle")
    except metadata.PackageNotFoundError:
        return "unknown"
