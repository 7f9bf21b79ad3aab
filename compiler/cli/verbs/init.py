"""`treadle init`: a manifest to start from, with its functions."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from compiler.cli.arguments import UsageError, add_json
from compiler.cli.console import Console, Exit
from compiler.cli.templates import TEMPLATES, files_of
from compiler.cli.verbs.schema import write_schema
from runtime.errors import RuntimeFault

SCHEMA_FILE = ".treadle/manifest.schema.json"
"""Where the manifest's modeline finds the schema, from the manifest's folder."""

DESCRIPTION = """\
Writes a small workflow that runs: a manifest and the Python module with its functions. Nothing is overwritten.
The manifest's first line tells editors with yaml-language-server where the schema is: beside
it, in .treadle/, so that it is found on every machine."""
EPILOG = """\
templates:
  hello   one task
  map     one task per item, then one that gets all results
  tree    a binary tree of any size, a family that refers to itself
  cli     programs as tasks, one of them a script that is shipped along

examples:
  treadle init                         hello, in this folder
  treadle init --template map words    map, in the folder words
  cd words && treadle run
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where to write (default: this folder)")
    parser.add_argument("--template", choices=tuple(TEMPLATES), default="hello", help="what to start from")
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    folder = Path(args.folder)
    files = files_of(args.template, schema=SCHEMA_FILE)
    taken = [name for name in files if os.path.lexists(folder / name)]
    if taken:
        raise UsageError(f"{folder / taken[0]} exists already", hint="name another folder: `treadle init DIR`")
    _write(folder, files)
    write_schema("manifest", folder / SCHEMA_FILE)
    written = [*files, SCHEMA_FILE]
    if console.is_json:
        console.json({"template": args.template, "files": [str(folder / name) for name in written]})
        return Exit.OK
    for name in written:
        console.say(f"wrote {folder / name}")
    console.note(f"run it:  treadle run {folder / 'workflow.yaml'}")
    return Exit.OK


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
            if text.startswith("#!"):
                (folder / name).chmod(0o755)
    except OSError as err:
        raise RuntimeFault(f"cannot write to {folder}: {err.strerror or err}") from err
